// Reads a catalog and makes one, by Go's own client.
package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
)

func call(method, path, body string) {
	request, err := http.NewRequest(method, os.Getenv("BASE")+path, strings.NewReader(body))
	if err != nil {
		panic(err)
	}
	request.Header.Set("Authorization", "Bearer "+os.Getenv("KEY"))
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		panic(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		panic(err)
	}
	fmt.Println(string(text))
}

func main() {
	call("GET", "/v1/catalogs/c1", "")
	call("POST", "/v1/catalogs", os.Getenv("BODY"))
}
