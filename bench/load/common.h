/*
 * What the service and the visitors share: the pattern that every byte is checked against, and the protocol's frame.
 * The protocol is told at the top of main.c.
 */
#ifndef LOAD_COMMON_H
#define LOAD_COMMON_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

enum {
  HEADER_BYTES = 17,
  /* A prime, so that bytes displaced by any power of two, or by a whole frame, are found out. */
  PATTERN_BYTES = 65521,
  CHUNK_BYTES = 256 * 1024,
  END = 'E',
};

/* One pattern after the other, so that a chunk can begin anywhere in the first. */
extern unsigned char pattern[PATTERN_BYTES + CHUNK_BYTES];

void make_pattern(void);

/* Says what was wrong, and ends the process with 1. */
void fail(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));

void no_delay(int fd);

/* Makes a read or write that stands still for 10 seconds fail. */
void fail_when_stalled(int fd);

/* Both give 0 when the connection ended before all was sent or received. */
int send_all(int fd, const void *bytes, size_t count);
int receive_all(int fd, void *bytes, size_t count);

/* Gives 0 when the connection ended before all was sent. */
int send_pattern(int fd, uint64_t seed, uint64_t count);

/* Gives `count`, or at once the number of the first byte that is wrong, or how many came when the stream ended early;
 * `*ended` tells the last two apart. */
uint64_t receive_pattern(int fd, uint64_t seed, uint64_t count, int *ended);

pthread_t start_thread(void *(*run)(void *), void *argument);

/* The commands; visitors take a port of this machine. */
void serve(void);
void bulk(char operation, int port, uint64_t bytes, int streams);
void ping(int port, double seconds);
void connect_anew(int port, double seconds, int lanes);
void idle(int port, int count);

#endif
