// Reads a catalog and makes one, by axios.
import axios from "axios";

const { BASE, KEY, BODY } = process.env;
const client = axios.create({ baseURL: BASE, headers: { Authorization: `Bearer ${KEY}` } });
console.log(JSON.stringify((await client.get("/v1/catalogs/c1")).data));
console.log(JSON.stringify((await client.post("/v1/catalogs", JSON.parse(BODY))).data));
