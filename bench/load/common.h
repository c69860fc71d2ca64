/*
 * What the service and the visitors share: the pattern that every byte is checked against, and the protocol's frame.
 * The protocol is told at the top of main.c.
 */
#ifndef LOAD_COMMON_H
#define LOAD_COMMON_H

#include <netinet/in.h>
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

double now_seconds(void);

/* Where a visitor connects: "PORT" of this machine, or "A.B.C.D:PORT". */
struct sockaddr_in parse_place(const char *place);

/* Connects, or fails. */
int dial(const char *place);

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

/* The header that a visitor sends first. */
void write_header(unsigned char *header, char operation, uint64_t seed, uint64_t count);

/* Of times in microseconds. */
int compare_times(const void *one, const void *other);

/* The least value that at least `share` of all values do not exceed; in thousandths, to stay exact. */
double percentile(const float *sorted, size_t count, size_t thousandths);

/* What the service answers to every request. */
extern const char HTTP_BODY[];

/* A whole request, for the host name that every tunnel is told. */
extern const char HTTP_REQUEST[];

/* Reads one response; gives 0 when the connection ended before its first byte. */
int read_response(int fd);

/* The commands; every place is one for `parse_place`. */
void serve(const char *address);
void bulk(char operation, const char *place, uint64_t bytes, int streams);
void ping(const char *place, double seconds, int warm_up);
void connect_anew(const char *place, double seconds, int lanes);
void request(const char *place, double seconds, int lanes);
void idle(const char *place, int count);
void until(const char *what, const char *place, double seconds);
void run_line(double bits_per_second, double delay_seconds, double queue_bytes);
void run_within(const char *network, char **command) __attribute__((noreturn));

#endif
