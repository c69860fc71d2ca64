#define _GNU_SOURCE
#include "common.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
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
