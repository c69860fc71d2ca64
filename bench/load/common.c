#define _GNU_SOURCE
#include "common.h"

#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum {
  STALL_SECONDS = 10,
  THREAD_STACK_BYTES = 256 * 1024,
};

unsigned char pattern[PATTERN_BYTES + CHUNK_BYTES];

void make_pattern(void) {
  uint32_t state = 1;
  for (size_t i = 0; i < sizeof pattern; i++) {
    if (i >= PATTERN_BYTES) {
      pattern[i] = pattern[i - PATTERN_BYTES];
      continue;
    }
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    pattern[i] = (unsigned char)(state >> 11);
  }
}

void fail(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vfprintf(stderr, format, arguments);
  va_end(arguments);
  fputc('\n', stderr);
  /* Not exit(): other threads may be in the middle of anything. */
  _exit(1);
}

void no_delay(int fd) {
  int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

double now_seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

struct sockaddr_in parse_place(const char *place) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  const char *colon = strchr(place, ':'), *port = colon == NULL ? place : colon + 1;
  char host[16] = "";
  if (colon != NULL) {
    size_t length = (size_t)(colon - place);
    if (length < sizeof host) memcpy(host, place, length);
    if (inet_pton(AF_INET, host, &address.sin_addr) != 1) fail("Not an address: %s", place);
  }
  address.sin_port = htons((uint16_t)atoi(port));
  return address;
}

int dial(const char *place) {
  struct sockaddr_in address = parse_place(place);
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) fail("Cannot make a socket: %s", strerror(errno));
  if (connect(fd, (struct sockaddr *)&address, sizeof address) != 0) {
    fail("Cannot connect to %s: %s", place, strerror(errno));
  }
  no_delay(fd);
  fail_when_stalled(fd);
  return fd;
}

void write_header(unsigned char *header, char operation, uint64_t seed, uint64_t count) {
  seed = htole64(seed);
  count = htole64(count);
  header[0] = (unsigned char)operation;
  memcpy(header + 1, &seed, sizeof seed);
  memcpy(header + 9, &count, sizeof count);
}

int compare_times(const void *one, const void *other) {
  float a = *(const float *)one, b = *(const float *)other;
  return (a > b) - (a < b);
}

double percentile(const float *sorted, size_t count, size_t thousandths) {
  size_t rank = (count * thousandths + 999) / 1000;
  return (double)sorted[rank == 0 ? 0 : rank - 1];
}

void fail_when_stalled(int fd) {
  struct timeval limit = {.tv_sec = STALL_SECONDS};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
}

int send_all(int fd, const void *bytes, size_t count) {
  for (size_t sent = 0; sent < count;) {
    ssize_t result = send(fd, (const char *)bytes + sent, count - sent, MSG_NOSIGNAL);
    if (result <= 0) return 0;
    sent += (size_t)result;
  }
  return 1;
}

int receive_all(int fd, void *bytes, size_t count) {
  for (size_t got = 0; got < count;) {
    ssize_t result = recv(fd, (char *)bytes + got, count - got, 0);
    if (result <= 0) return 0;
    got += (size_t)result;
  }
  return 1;
}

int send_pattern(int fd, uint64_t seed, uint64_t count) {
  for (uint64_t sent = 0; sent < count;) {
    size_t size = count - sent < CHUNK_BYTES ? (size_t)(count - sent) : CHUNK_BYTES;
    ssize_t result = send(fd, pattern + (seed + sent) % PATTERN_BYTES, size, MSG_NOSIGNAL);
    if (result <= 0) return 0;
    sent += (uint64_t)result;
  }
  return 1;
}

uint64_t receive_pattern(int fd, uint64_t seed, uint64_t count, int *ended) {
  unsigned char *buffer = malloc(CHUNK_BYTES);
  if (buffer == NULL) fail("Out of memory");
  uint64_t right = 0;
  *ended = 0;
  while (right < count) {
    size_t size = count - right < CHUNK_BYTES ? (size_t)(count - right) : CHUNK_BYTES;
    ssize_t result = recv(fd, buffer, size, 0);
    if (result <= 0) {
      *ended = 1;
      break;
    }
    const unsigned char *expected = pattern + (seed + right) % PATTERN_BYTES;
    size_t same = (size_t)result;
    if (memcmp(buffer, expected, same) != 0) {
      for (same = 0; buffer[same] == expected[same]; same++) continue;
    }
    right += same;
    if (same < (size_t)result) break;
  }
  free(buffer);
  return right;
}

pthread_t start_thread(void *(*run)(void *), void *argument) {
  pthread_attr_t attributes;
  pthread_t thread;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, THREAD_STACK_BYTES);
  int error = pthread_create(&thread, &attributes, run, argument);
  if (error != 0) fail("Cannot start a thread: %s", strerror(error));
  pthread_attr_destroy(&attributes);
  return thread;
}
