/* The visitors that speak HTTP, for machines that have neither wrk nor oha. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common.h"

enum { HEAD_ROOM = 8 * 1024 };

const char HTTP_BODY[] = "Hello, visitor!\n";
/* The token is for FerroTunnel 1, which wants one of visitors. */
const char HTTP_REQUEST[] = "GET / HTTP/1.1\r\nHost: bench.test\r\nX-Tunnel-Token: bench\r\n\r\n";

struct lane {
  const char *place;
  double end_seconds;
  float *times;
  size_t count, room;
};

int read_response(int fd) {
  char bytes[HEAD_ROOM + 1];
  size_t got = 0;
  for (char *end = NULL;;) {
    ssize_t result = recv(fd, bytes + got, HEAD_ROOM - got, 0);
    if (result <= 0 && got == 0) return 0;
    if (result <= 0) fail("Short, a response ended after %zu bytes", got);
    got += (size_t)result;
    bytes[got] = '\0';
    if (end == NULL && (end = strstr(bytes, "\r\n\r\n")) == NULL) {
      if (got == HEAD_ROOM) fail("Mismatch, a head without an end");
      continue;
    }
    size_t head = (size_t)(end - bytes) + 4, length = sizeof HTTP_BODY - 1;
    if (got < head + length && strncmp(bytes + 9, "200", 3) == 0) continue;
    if (strncmp(bytes, "HTTP/1.1 200", 12) != 0) fail("Mismatch, not the answer: %.60s", bytes);
    if (got != head + length || memcmp(bytes + head, HTTP_BODY, length) != 0) fail("Mismatch in a body");
    return 1;
  }
}

static void *request_again_and_again(void *argument) {
  struct lane *lane = argument;
  int fd = dial(lane->place), answered = 0;
  /* At least once, however late this thread comes to run. */
  do {
    double start = now_seconds();
    if (!send_all(fd, HTTP_REQUEST, strlen(HTTP_REQUEST)) || !read_response(fd)) {
      /* The service may end a connection after so many requests, but not one that it never answered. */
      if (!answered) fail("Short, a connection ended without an answer");
      close(fd);
      fd = dial(lane->place);
      answered = 0;
      continue;
    }
    answered = 1;
    if (lane->count == lane->room) lane->times = realloc(lane->times, (lane->room *= 2) * sizeof *lane->times);
    if (lane->times == NULL) fail("Out of memory");
    lane->times[lane->count++] = (float)((now_seconds() - start) * 1e6);
  } while (now_seconds() < lane->end_seconds || lane->count == 0);
  close(fd);
  return NULL;
}

void request(const char *place, double seconds, int lanes) {
  struct lane *all = calloc((size_t)lanes, sizeof *all);
  pthread_t *threads = calloc((size_t)lanes, sizeof *threads);
  if (all == NULL || threads == NULL) fail("Out of memory");
  double start = now_seconds();
  size_t count = 0;
  for (int i = 0; i < lanes; i++) {
    all[i] = (struct lane){.place = place, .end_seconds = start + seconds, .room = 1024};
    all[i].times = malloc(all[i].room * sizeof *all[i].times);
    if (all[i].times == NULL) fail("Out of memory");
    threads[i] = start_thread(request_again_and_again, &all[i]);
  }
  for (int i = 0; i < lanes; i++) {
    pthread_join(threads[i], NULL);
    count += all[i].count;
  }
  double took = now_seconds() - start;
  float *times = malloc((count + 1) * sizeof *times);
  if (times == NULL) fail("Out of memory");
  size_t filled = 0;
  for (int i = 0; i < lanes; i++) {
    memcpy(times + filled, all[i].times, all[i].count * sizeof *times);
    filled += all[i].count;
  }
  if (count == 0) fail("Short, no answer");
  qsort(times, count, sizeof *times, compare_times);
  printf("{\"count\":%zu,\"seconds\":%.6f,\"p50Us\":%.1f,\"p99Us\":%.1f}\n", count, took,
         percentile(times, count, 500), percentile(times, count, 990));
}
