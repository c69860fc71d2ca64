/* The visitors: each prints one line of JSON, or fails. */
#define _GNU_SOURCE
#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common.h"

enum {
  PING_BYTES = 64,
  /* Connections that are opened at once: fewer than any backlog. */
  BATCH = 32,
};

/* CPU seconds of this process so far. */
static double cpu_seconds(void) {
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
         (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

struct transfer {
  const char *place;
  int number;
  char operation;
  uint64_t bytes;
  double end_seconds;
};

static pthread_barrier_t start_line;

static void *transfer(void *argument) {
  struct transfer *self = argument;
  int fd = dial(self->place), ended = 0;
  uint64_t seed = 1 + 7919 * (uint64_t)self->number, right = 0;
  unsigned char header[HEADER_BYTES];
  char end = END;
  write_header(header, self->operation, seed, self->bytes);
  pthread_barrier_wait(&start_line);
  if (!send_all(fd, header, sizeof header)) fail("Stream %d: cannot send the header", self->number);
  if (self->operation == 'u') {
    if (!send_pattern(fd, seed, self->bytes)) fail("Stream %d: short, cannot send everything", self->number);
    if (!receive_all(fd, &right, sizeof right)) fail("Stream %d: short, the service did not get all", self->number);
    right = le64toh(right);
  } else {
    right = receive_pattern(fd, seed, self->bytes, &ended);
  }
  self->end_seconds = now_seconds();
  if (ended) fail("Stream %d: short, %" PRIu64 " of %" PRIu64 " bytes", self->number, right, self->bytes);
  if (right != self->bytes) fail("Stream %d: mismatch at byte %" PRIu64, self->number, right);
  if (!send_all(fd, &end, 1) || !receive_all(fd, &end, 1)) fail("Stream %d: no end", self->number);
  if (end != END) fail("Stream %d: mismatch, a byte too many", self->number);
  close(fd);
  return NULL;
}

void bulk(char operation, const char *place, uint64_t bytes, int streams) {
  struct transfer *transfers = calloc((size_t)streams, sizeof *transfers);
  pthread_t *threads = calloc((size_t)streams, sizeof *threads);
  if (transfers == NULL || threads == NULL) fail("Out of memory");
  pthread_barrier_init(&start_line, NULL, (unsigned)streams + 1);
  for (int i = 0; i < streams; i++) {
    transfers[i] = (struct transfer){.place = place, .number = i, .operation = operation, .bytes = bytes};
    threads[i] = start_thread(transfer, &transfers[i]);
  }
  double cpu = cpu_seconds(), start = now_seconds(), end = 0;
  pthread_barrier_wait(&start_line);
  for (int i = 0; i < streams; i++) {
    pthread_join(threads[i], NULL);
    if (transfers[i].end_seconds > end) end = transfers[i].end_seconds;
  }
  printf("{\"bytes\":%" PRIu64 ",\"seconds\":%.6f,\"cpuSeconds\":%.6f}\n", bytes * (uint64_t)streams, end - start,
         cpu_seconds() - cpu);
}

void ping(const char *place, double seconds, int warm_up) {
  size_t count = 0, room = 1 << 16;
  float *times = malloc(room * sizeof *times);
  unsigned char header[HEADER_BYTES], answer[PING_BYTES];
  int fd = dial(place);
  double end = 0, begun = now_seconds();
  write_header(header, 'e', 0, 0);
  if (times == NULL || !send_all(fd, header, sizeof header)) fail("Cannot begin");
  for (;; warm_up--) {
    /* Not longer than what is measured: a slow line, or a tunnel that lets a small stream wait, would take for ever. */
    if (warm_up > 0 && now_seconds() - begun > seconds) warm_up = 0;
    const unsigned char *message = pattern + (count * 61 + (size_t)(warm_up & 0xff)) % PATTERN_BYTES;
    double start = now_seconds();
    if (warm_up == 0) end = start + seconds;
    if (!send_all(fd, message, PING_BYTES) || !receive_all(fd, answer, PING_BYTES)) fail("Short, no answer");
    double stop = now_seconds();
    if (memcmp(message, answer, PING_BYTES) != 0) fail("Mismatch in round trip %zu", count);
    if (warm_up > 0) continue;
    if (count == room) times = realloc(times, (room *= 2) * sizeof *times);
    if (times == NULL) fail("Out of memory");
    times[count++] = (float)((stop - start) * 1e6);
    if (stop >= end) break;
  }
  close(fd);
  qsort(times, count, sizeof *times, compare_times);
  printf("{\"count\":%zu,\"p50Us\":%.1f,\"p99Us\":%.1f,\"p999Us\":%.1f}\n", count, percentile(times, count, 500),
         percentile(times, count, 990), percentile(times, count, 999));
}

struct lane {
  const char *place;
  double end_seconds;
  uint64_t count;
};

/* Dials, and sends the header of an echo and one byte. */
static int open_echo(const char *place, unsigned char byte) {
  unsigned char request[HEADER_BYTES + 1];
  write_header(request, 'e', 0, 0);
  request[HEADER_BYTES] = byte;
  int fd = dial(place);
  if (!send_all(fd, request, sizeof request)) fail("Short, a new connection was closed");
  return fd;
}

static void expect_echo(int fd, unsigned char byte) {
  unsigned char answer;
  if (!receive_all(fd, &answer, 1)) fail("Short, no echo on a connection");
  if (answer != byte) fail("Mismatch in an echo: %d instead of %d", answer, byte);
}

static void *connect_again_and_again(void *argument) {
  struct lane *lane = argument;
  /* A reset leaves no port behind in TIME_WAIT, so that ports do not run out. */
  struct linger reset = {.l_onoff = 1, .l_linger = 0};
  /* At least once, however late this thread comes to run. */
  do {
    unsigned char byte = (unsigned char)lane->count;
    int fd = open_echo(lane->place, byte);
    expect_echo(fd, byte);
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    close(fd);
    lane->count++;
  } while (now_seconds() < lane->end_seconds);
  return NULL;
}

void connect_anew(const char *place, double seconds, int lanes) {
  struct lane *all = calloc((size_t)lanes, sizeof *all);
  pthread_t *threads = calloc((size_t)lanes, sizeof *threads);
  if (all == NULL || threads == NULL) fail("Out of memory");
  double start = now_seconds();
  uint64_t count = 0;
  for (int i = 0; i < lanes; i++) {
    all[i] = (struct lane){.place = place, .end_seconds = start + seconds};
    threads[i] = start_thread(connect_again_and_again, &all[i]);
  }
  for (int i = 0; i < lanes; i++) {
    pthread_join(threads[i], NULL);
    count += all[i].count;
  }
  printf("{\"count\":%" PRIu64 ",\"seconds\":%.6f}\n", count, now_seconds() - start);
}

void idle(const char *place, int count) {
  int *fds = calloc((size_t)count, sizeof *fds);
  if (fds == NULL) fail("Out of memory");
  for (int done = 0; done < count; done += BATCH) {
    int end = done + BATCH < count ? done + BATCH : count;
    for (int i = done; i < end; i++) fds[i] = open_echo(place, (unsigned char)i);
    for (int i = done; i < end; i++) expect_echo(fds[i], (unsigned char)i);
  }
  printf("{\"open\":%d}\n", count);
  fflush(stdout);
  char byte;
  while (read(STDIN_FILENO, &byte, 1) > 0) continue;
  for (int done = 0; done < count; done += BATCH) {
    int end = done + BATCH < count ? done + BATCH : count;
    for (int i = done; i < end; i++) {
      byte = (char)(i + 1);
      if (!send_all(fds[i], &byte, 1)) fail("Connection %d was closed while idle", i);
    }
    for (int i = done; i < end; i++) expect_echo(fds[i], (unsigned char)(i + 1));
  }
  printf("{\"alive\":%d}\n", count);
}
