/* A bootstrap in C, to show that what the build image compiles runs in the run image: it answers each event with 42. */
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

static char reply[1 << 16];

/* Sends one request on a connection of its own and reads the whole reply. */
static void call(const char *method, const char *path, const char *body) {
  char request[4096], host[256];
  snprintf(host, sizeof host, "%s", getenv("AWS_LAMBDA_RUNTIME_API"));
  char *port = strchr(host, ':');
  if (port) *port++ = 0;
  struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *address;
  if (getaddrinfo(host, port ? port : "80", &hints, &address)) exit(2);
  int fd = socket(address->ai_family, SOCK_STREAM, 0);
  if (connect(fd, address->ai_addr, address->ai_addrlen)) exit(3);
  freeaddrinfo(address);
  int length = snprintf(request, sizeof request,
                        "%s %s HTTP/1.1\r\nHost: lambda\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n%s",
                        method, path, strlen(body), body);
  if (write(fd, request, length) != length) exit(4);
  size_t size = 0;
  for (ssize_t n; (n = read(fd, reply + size, sizeof reply - 1 - size)) > 0;) size += n;
  reply[size] = 0;
  close(fd);
}

int main(void) {
  char path[512], id[128];
  for (;;) {
    call("GET", "/2018-06-01/runtime/invocation/next", "");
    char *line = reply;
    while (line && strncasecmp(line, "Lambda-Runtime-Aws-Request-Id:", 30)) {
      line = strchr(line, '\n');
      if (line) line++;
    }
    if (!line || sscanf(line + 30, " %127[^\r\n]", id) != 1) return 5;
    snprintf(path, sizeof path, "/2018-06-01/runtime/invocation/%s/response", id);
    call("POST", path, "{\"answer\": 42}");
  }
}
