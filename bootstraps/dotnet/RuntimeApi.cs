using System;
using System.Collections.Generic;
using System.IO;
using System.Net.Sockets;
using System.Text;

namespace Bootstrap
{
    /// <summary>An HTTP response: its headers, and its body as it came.</summary>
    public sealed class Response
    {
        public readonly Dictionary<string, string> Headers =
            new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);

        public byte[] Body;
    }

    /// <summary>
    /// Lambda's Runtime API over plain sockets: .NET Core 2.0's HttpClient wants a libcurl and an OpenSSL of its time.
    /// </summary>
    public sealed class RuntimeApi
    {
        private readonly string host;
        private readonly int port;

        public RuntimeApi(string address)
        {
            var colon = address.LastIndexOf(':');
            host = colon < 0 ? address : address.Substring(0, colon);
            port = colon < 0 ? 80 : int.Parse(address.Substring(colon + 1));
        }

        /// <summary>Waits for the next invocation, however long that takes.</summary>
        public Response Next()
        {
            return Call("GET", "invocation/next", new byte[0]);
        }

        public void Post(string path, byte[] body)
        {
            Call("POST", path, body);
        }

        private Response Call(string method, string path, byte[] body)
        {
            using (var client = new TcpClient())
            {
                client.ConnectAsync(host, port).GetAwaiter().GetResult();
                var stream = client.GetStream();
                var head = Encoding.ASCII.GetBytes(
                    method + " /2018-06-01/runtime/" + path + " HTTP/1.1\r\n" +
                    "Host: " + host + ":" + port + "\r\n" +
                    "Content-Type: application/json\r\n" +
                    "Content-Length: " + body.Length + "\r\n" +
                    "Connection: close\r\n\r\n");
                stream.Write(head, 0, head.Length);
                stream.Write(body, 0, body.Length);
                return Read(new BufferedStream(stream));
            }
        }

        private static Response Read(Stream stream)
        {
            var response = new Response();
            Line(stream); // the status: what the API refuses, it logs itself
            for (var line = Line(stream); line.Length > 0; line = Line(stream))
            {
                var colon = line.IndexOf(':');
                response.Headers[line.Substring(0, colon)] = line.Substring(colon + 1).Trim();
            }
            var body = new MemoryStream();
            stream.CopyTo(body);
            response.Body = body.ToArray();
            return response;
        }

        private static string Line(Stream stream)
        {
            var bytes = new List<byte>();
            for (var next = stream.ReadByte(); next != '\n'; next = stream.ReadByte())
            {
                if (next < 0)
                {
                    throw new EndOfStreamException("the Runtime API closed the connection");
                }
                bytes.Add((byte)next);
            }
            return Encoding.UTF8.GetString(bytes.ToArray()).TrimEnd('\r');
        }
    }
}
