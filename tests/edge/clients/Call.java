import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse.BodyHandlers;

/** Reads a catalog and makes one, by Java's own client. */
class Call {
    public static void main(String[] arguments) throws Exception {
        var base = System.getenv("BASE");
        var authorization = "Bearer " + System.getenv("KEY");
        var client = HttpClient.newHttpClient();
        var read = HttpRequest.newBuilder(URI.create(base + "/v1/catalogs/c1"))
            .header("Authorization", authorization).build();
        System.out.println(client.send(read, BodyHandlers.ofString()).body());
        var make = HttpRequest.newBuilder(URI.create(base + "/v1/catalogs"))
            .header("Authorization", authorization)
            .header("Content-Type", "application/json")
            .POST(BodyPublishers.ofString(System.getenv("BODY"))).build();
        System.out.println(client.send(make, BodyHandlers.ofString()).body());
    }
}
