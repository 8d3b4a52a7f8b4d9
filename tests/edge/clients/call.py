# Reads a catalog and makes one, by the library that is named.
import asyncio
import json
import os

base, key, body = os.environ["BASE"], os.environ["KEY"], json.loads(os.environ["BODY"])
headers = {"Authorization": f"Bearer {key}"}
compact = json.dumps(body, separators=(",", ":"))


def by_requests():
    import requests

    print(requests.get(base + "/v1/catalogs/c1", headers=headers).text)
    print(requests.post(base + "/v1/catalogs", headers=headers, data=compact).text)


def by_httpx():
    import httpx

    print(httpx.get(base + "/v1/catalogs/c1", headers=headers).text)
    print(httpx.post(base + "/v1/catalogs", headers=headers, json=body).text)


async def by_aiohttp():
    import aiohttp

    async with aiohttp.ClientSession(headers=headers) as session:
        async with session.get(base + "/v1/catalogs/c1") as answer:
            print(await answer.text())
        async with session.post(base + "/v1/catalogs", data=compact) as answer:
            print(await answer.text())


library = os.environ["LIBRARY"]
if library == "aiohttp":
    asyncio.run(by_aiohttp())
else:
    {"requests": by_requests, "httpx": by_httpx}[library]()
