/* Load generator for HTTP/1.1 on one thread.
 *
 * Open loop: requests are due at times drawn in advance (Poisson), whatever the server does. A request that finds no free connection
 * waits in the generator, and its latency counts from the moment it was due: nothing is left out (no coordinated omission). The
 * thread polls without sleeping, because timers would add up to a millisecond. Closed loop: each connection sends again as soon as it was
 * answered; good for the highest rate, not for latencies. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "options.h"
#include "report.h"
#include "response.h"

enum { EVENTS_AT_ONCE = 512, READ_SIZE = 64 * 1024, CONNECT_LIMIT_S = 5 };
static const uint64_t MS = 1000000, SECOND = 1000000000, NEVER = UINT64_MAX;

typedef enum { CLOSED, CONNECTING, IDLE, BUSY } State;

typedef struct {
  int fd;
  State state;
  Response response;
  const Request *request;
  size_t written;
  uint64_t due, sent, reopen_at;
  bool waits_for_writing;
} Connection;

/* First in, first out; grows. */
typedef struct {
  uint64_t *items;
  size_t capacity, head, count;
} Queue;

static Options options;
static Stats stats;
static Generator generator;
static Connection *connections;
static struct sockaddr_in address;
static int poller;
static Queue idle, waiting;
static size_t next_request;
static int in_flight;
static uint64_t measure_from, measure_until, random_state;

static uint64_t now_ns(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (uint64_t)time.tv_sec * SECOND + (uint64_t)time.tv_nsec;
}

static void die(const char *what) {
  perror(what);
  exit(2);
}

static void push(Queue *queue, uint64_t item) {
  if (queue->count == queue->capacity) {
    size_t capacity = queue->capacity == 0 ? 1024 : queue->capacity * 2;
    uint64_t *items = malloc(capacity * sizeof *items);
    if (items == NULL) die("loadgen");
    for (size_t index = 0; index < queue->count; index++)
      items[index] = queue->items[(queue->head + index) % queue->capacity];
    free(queue->items);
    *queue = (Queue){items, capacity, 0, queue->count};
  }
  queue->items[(queue->head + queue->count++) % queue->capacity] = item;
}

static uint64_t pop(Queue *queue) {
  uint64_t item = queue->items[queue->head];
  queue->head = (queue->head + 1) % queue->capacity;
  queue->count--;
  return item;
}

/* splitmix64, as a double in (0, 1]. */
static double uniform(void) {
  uint64_t z = (random_state += 0x9e3779b97f4a7c15u);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return (double)(((z ^ (z >> 31)) >> 11) + 1) * 0x1.0p-53;
}

static uint64_t gap_ns(void) { return (uint64_t)(-log(uniform()) / options.rate * 1e9); }

static bool measured(uint64_t time) { return time >= measure_from && time < measure_until; }

static void watch(Connection *connection, int operation, uint32_t events) {
  struct epoll_event event = {.events = events, .data.u64 = (uint64_t)(connection - connections)};
  if (epoll_ctl(poller, operation, connection->fd, &event) != 0) die("epoll_ctl");
}

static void open_connection(Connection *connection, uint64_t now) {
  int yes = 1;
  connection->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  if (connection->fd < 0) die("socket");
  setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  response_reset(&connection->response);
  if (connect(connection->fd, (struct sockaddr *)&address, sizeof address) != 0 && errno != EINPROGRESS) {
    close(connection->fd);
    connection->state = CLOSED;
    connection->reopen_at = now + 10 * MS;
    return;
  }
  connection->state = CONNECTING;
  watch(connection, EPOLL_CTL_ADD, EPOLLOUT);
}

static void close_connection(Connection *connection, uint64_t reopen_at) {
  if (connection->state == BUSY) in_flight--;
  close(connection->fd);
  connection->state = CLOSED;
  connection->waits_for_writing = false;
  connection->reopen_at = reopen_at;
}

/* The request on this connection will get no answer. */
static void fail_request(Connection *connection, uint64_t *counter, uint64_t now) {
  if (connection->state == BUSY && (options.closed ? measured(now) : measured(connection->due))) (*counter)++;
  close_connection(connection, now);
}

static void continue_writing(Connection *connection, uint64_t now) {
  const Request *request = connection->request;
  ssize_t written = send(connection->fd, request->bytes + connection->written, request->length - connection->written,
                         MSG_NOSIGNAL);
  if (written < 0 && errno != EAGAIN) return fail_request(connection, &stats.resets, now);
  if (written > 0) connection->written += (size_t)written;
  bool unfinished = connection->written < request->length;
  if (unfinished != connection->waits_for_writing) {
    connection->waits_for_writing = unfinished;
    watch(connection, EPOLL_CTL_MOD, unfinished ? EPOLLIN | EPOLLOUT : EPOLLIN);
  }
}

static void start_request(Connection *connection, uint64_t due, uint64_t now) {
  connection->request = &options.requests[next_request];
  next_request = (next_request + 1) % options.request_count;
  connection->written = 0;
  connection->due = due;
  connection->sent = now;
  connection->state = BUSY;
  response_reset(&connection->response);
  in_flight++;
  if (measured(due) && now < measure_until) stats.sent++;
  continue_writing(connection, now);
}

static void send_waiting(uint64_t now) {
  while (waiting.count > 0 && idle.count > 0) {
    Connection *connection = &connections[pop(&idle)];
    /* A connection may have been closed by the server while it waited in the queue. */
    if (connection->state == IDLE) start_request(connection, pop(&waiting), now);
  }
}

static void become_idle(Connection *connection, uint64_t now) {
  connection->state = IDLE;
  if (options.closed) {
    if (now < measure_until) start_request(connection, now, now);
    return;
  }
  push(&idle, (uint64_t)(connection - connections));
  send_waiting(now);
}

static void count_answer(const Connection *connection, uint64_t latency) {
  const Response *response = &connection->response;
  stats.answered++;
  stats.body_bytes += response->body_length;
  stats.by_status[response->status]++;
  histogram_record(&stats.all, latency);
  if (response->status == 429 || response->status == 503) histogram_record(&stats.refused, latency);
  if (response->status > 299) return;
  histogram_record(&stats.ok, latency);
  const Request *request = connection->request;
  if (!response_matches(response, options.expect_key, request->expected, request->expected_count, options.tolerance))
    stats.wrong++;
  else if ((double)latency <= options.limit_ms * 1e6)
    stats.good++;
  else
    stats.late++;
}

static void finish_request(Connection *connection, uint64_t now) {
  stats.answered_in_all++;
  if (options.closed ? measured(now) : measured(connection->due)) count_answer(connection, now - connection->due);
  if (connection->response.closes) return close_connection(connection, now);
  in_flight--;
  become_idle(connection, now);
}

static void read_some(Connection *connection) {
  Response *response = &connection->response;
  response_reserve(response, READ_SIZE);
  ssize_t size = recv(connection->fd, response->bytes + response->length, READ_SIZE, 0);
  if (size < 0 && errno == EAGAIN) return;
  uint64_t now = now_ns();
  if (size <= 0) return fail_request(connection, &stats.resets, now);
  if (connection->state != BUSY) return close_connection(connection, now);
  response->length += (size_t)size;
  switch (response_parse(response)) {
    case RESPONSE_PARTIAL: return;
    case RESPONSE_BROKEN: return fail_request(connection, &stats.broken, now);
    case RESPONSE_WHOLE: return finish_request(connection, now);
  }
}

static void finish_connecting(Connection *connection) {
  int error = 0;
  socklen_t size = sizeof error;
  uint64_t now = now_ns();
  getsockopt(connection->fd, SOL_SOCKET, SO_ERROR, &error, &size);
  if (error != 0) return close_connection(connection, now + 10 * MS);
  watch(connection, EPOLL_CTL_MOD, EPOLLIN);
  become_idle(connection, now);
}

static void handle(const struct epoll_event *event) {
  Connection *connection = &connections[event->data.u64];
  if (connection->state == CONNECTING) return finish_connecting(connection);
  if (connection->state == CLOSED) return;
  if ((event->events & EPOLLOUT) != 0 && connection->state == BUSY) continue_writing(connection, now_ns());
  if (connection->state != CLOSED && (event->events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) read_some(connection);
}

/* Once a millisecond: give up on requests that are too old, open what was closed. The time of a request that was sent begins when it was
 * sent, as with any client: broken off by the age of the queue here, connections would be opened anew for nothing, without end. */
static void tend(uint64_t now, uint64_t timeout) {
  for (int index = 0; index < options.connections; index++) {
    Connection *connection = &connections[index];
    if (connection->state == BUSY && now - connection->sent > timeout) fail_request(connection, &stats.timeouts, now);
    if (connection->state == CLOSED && now >= connection->reopen_at && now < measure_until) open_connection(connection, now);
  }
  while (waiting.count > 0 && now - waiting.items[waiting.head] > timeout)
    if (measured(pop(&waiting))) stats.timeouts++;
}

static uint64_t release_due(uint64_t next_due, uint64_t now) {
  for (; next_due <= now && next_due < measure_until; next_due += gap_ns()) {
    if (measured(next_due)) {
      stats.due++;
      histogram_record(&generator.lag, now - next_due);
    }
    push(&waiting, next_due);
  }
  send_waiting(now);
  return next_due;
}

static double cpu_seconds(void) {
  struct rusage usage;
  getrusage(RUSAGE_THREAD, &usage);
  return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) + (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static void account(uint64_t turn_began, uint64_t now, bool was_idle) {
  static double cpu_at_start = -1;
  if (!measured(turn_began)) return;
  if (cpu_at_start < 0) cpu_at_start = cpu_seconds();
  if (was_idle) generator.idle_s += (double)(now - turn_began) / 1e9;
  generator.wall_s = (double)(now - measure_from) / 1e9;
  if (now >= measure_until) generator.cpu_s = cpu_seconds() - cpu_at_start;
}

static bool some_unopened(void) {
  for (int index = 0; index < options.connections; index++)
    if (connections[index].state == CLOSED || connections[index].state == CONNECTING) return true;
  return false;
}

/* Callers that have been there for long: hundreds who connect while a server is already overloaded are another question. */
static void open_all(void) {
  struct epoll_event events[EVENTS_AT_ONCE];
  uint64_t began = now_ns();
  measure_from = measure_until = NEVER;
  for (int index = 0; index < options.connections; index++) {
    open_connection(&connections[index], began);
    /* A few at a time: a server may take one for each turn of its loop, and what it has not taken looks open from here. */
    if (index % 8 == 7) usleep(2000);
  }
  for (uint64_t now = began; some_unopened() && now - began < CONNECT_LIMIT_S * SECOND; now = now_ns()) {
    tend(now, NEVER);
    int count = epoll_wait(poller, events, EVENTS_AT_ONCE, 1);
    for (int index = 0; index < count; index++) handle(&events[index]);
  }
}

static void run(void) {
  struct epoll_event events[EVENTS_AT_ONCE];
  uint64_t timeout = (uint64_t)(options.timeout_ms * 1e6), tend_at = 0;
  uint64_t began = now_ns();
  measure_from = began + (uint64_t)(options.warmup_s * 1e9);
  measure_until = measure_from + (uint64_t)(options.duration_s * 1e9);
  uint64_t next_due = options.closed ? NEVER : began + gap_ns();
  for (uint64_t now = began; now < measure_until + 2 * timeout + 10 * MS;) {
    uint64_t turn_began = now;
    bool was_idle = next_due > now;
    if (!was_idle) next_due = release_due(next_due, now);
    if (now >= tend_at) {
      tend(now, timeout);
      tend_at = now + MS;
    }
    int count = epoll_wait(poller, events, EVENTS_AT_ONCE, options.relaxed ? 1 : 0);
    for (int index = 0; index < count; index++) handle(&events[index]);
    now = now_ns();
    account(turn_began, now, was_idle && count == 0);
    if (now >= measure_until && in_flight == 0 && waiting.count == 0) return;
  }
}

int main(int argc, char **argv) {
  options = parse_options(argc, argv);
  random_state = options.seed;
  address = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)options.port)};
  if (inet_pton(AF_INET, options.host, &address.sin_addr) != 1) {
    fprintf(stderr, "loadgen: not an IPv4 address: %s\n", options.host);
    return 2;
  }
  struct rlimit files;
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  connections = calloc((size_t)options.connections, sizeof *connections);
  poller = epoll_create1(0);
  if (connections == NULL || poller < 0) die("loadgen");
  open_all();
  run();
  print_report(&options, &stats, &generator);
  return 0;
}
