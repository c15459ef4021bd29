/* The least that a server can do: one thread, epoll, the same answer to every POST, no JSON. Against it the load generator is verified.
 *
 * floor PORT [--service-us N] [--stall-ms N --every-ms M] [--refuse-one-in N]
 *   --service-us      each answer takes this long (the thread spins): a queue whose waiting time is known
 *   --stall-ms        the whole server stands still this long, once every M ms
 *   --refuse-one-in   every Nth answer is a 503 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

enum { BUFFER = 1024 * 1024, CONNECTIONS = 20000 };

static const char BODY[] =
    "{\"request_id\":\"00000000-0000-0000-0000-000000000000\",\"model_id\":\"floor\",\"model_version\":\"1\",\"prediction\":"
    "{\"probability\":0.5},\"confidence\":0.5,\"cached\":false,\"latency_ms\":0.1,\"timestamp\":\"2026-01-01T00:00:00.000Z\"}";

typedef struct {
  char *bytes;
  size_t length;
} Input;

static Input inputs[CONNECTIONS];
static char ok[1024], refusal[256];
static size_t ok_length, refusal_length;
static uint64_t service_ns, stall_ns, every_ns, refuse_one_in, answers;

static uint64_t now_ns(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static void spin(uint64_t ns) {
  for (uint64_t until = now_ns() + ns; now_ns() < until;) continue;
}

/* The bytes of the first whole request, or 0. */
static size_t whole_request(Input *input) {
  char *end = memmem(input->bytes, input->length, "\r\n\r\n", 4);
  if (end == NULL) return 0;
  char *length = memmem(input->bytes, (size_t)(end - input->bytes), "Content-Length: ", 16);
  size_t size = (size_t)(end - input->bytes) + 4 + (length == NULL ? 0 : strtoull(length + 16, NULL, 10));
  return size <= input->length ? size : 0;
}

static void answer(int fd) {
  if (service_ns > 0) spin(service_ns);
  int refuses = refuse_one_in > 0 && ++answers % refuse_one_in == 0;
  const char *bytes = refuses ? refusal : ok;
  size_t length = refuses ? refusal_length : ok_length;
  if (send(fd, bytes, length, MSG_NOSIGNAL) != (ssize_t)length) perror("floor: send");
}

static void serve(int fd) {
  Input *input = &inputs[fd];
  ssize_t size = recv(fd, input->bytes + input->length, BUFFER - input->length, 0);
  if (size < 0 && errno == EAGAIN) return;
  if (size <= 0) {
    close(fd);
    return;
  }
  input->length += (size_t)size;
  for (size_t used = whole_request(input); used > 0; used = whole_request(input)) {
    memmove(input->bytes, input->bytes + used, input->length - used);
    input->length -= used;
    answer(fd);
  }
}

static void accept_all(int listener, int poller) {
  int yes = 1;
  for (int fd; (fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0;) {
    if (fd >= CONNECTIONS) {
      close(fd);
      continue;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    if (inputs[fd].bytes == NULL) inputs[fd].bytes = malloc(BUFFER);
    inputs[fd].length = 0;
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event);
  }
}

static int listen_on(int port) {
  int yes = 1;
  int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  if (bind(listener, (struct sockaddr *)&address, sizeof address) != 0 || listen(listener, 4096) != 0) {
    perror("floor");
    exit(2);
  }
  return listener;
}

static void parse(int argc, char **argv) {
  for (int index = 2; index + 1 < argc; index += 2) {
    uint64_t value = strtoull(argv[index + 1], NULL, 10);
    if (strcmp(argv[index], "--service-us") == 0) service_ns = value * 1000;
    if (strcmp(argv[index], "--stall-ms") == 0) stall_ns = value * 1000000;
    if (strcmp(argv[index], "--every-ms") == 0) every_ns = value * 1000000;
    if (strcmp(argv[index], "--refuse-one-in") == 0) refuse_one_in = value;
  }
}

int main(int argc, char **argv) {
  struct epoll_event events[256];
  if (argc < 2) {
    fprintf(stderr, "usage: floor PORT [--service-us N] [--stall-ms N --every-ms M] [--refuse-one-in N]\n");
    return 2;
  }
  parse(argc, argv);
  ok_length = (size_t)snprintf(ok, sizeof ok, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
                               sizeof BODY - 1, BODY);
  refusal_length = (size_t)snprintf(refusal, sizeof refusal, "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 2\r\n\r\n{}");
  int listener = listen_on(atoi(argv[1])), poller = epoll_create1(0);
  struct epoll_event event = {.events = EPOLLIN, .data.fd = listener};
  epoll_ctl(poller, EPOLL_CTL_ADD, listener, &event);
  for (uint64_t stall_at = every_ns > 0 ? now_ns() + every_ns : UINT64_MAX;;) {
    uint64_t now = now_ns();
    if (now >= stall_at) {
      spin(stall_ns);
      stall_at += every_ns;
    }
    int count = epoll_wait(poller, events, 256, every_ns > 0 ? 1 : -1);
    for (int index = 0; index < count; index++) {
      if (events[index].data.fd == listener) accept_all(listener, poller);
      else serve(events[index].data.fd);
    }
  }
}
