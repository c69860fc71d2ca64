/* Waits until somebody listens, or until a tunnel carries a byte or a request to the service and the answer back. */
#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "common.h"

enum {
  RETRY_MICROSECONDS = 2000,
  /* A port that is bound before the tunnel stands may take the byte and never give it back. */
  ANSWER_SECONDS = 1,
};

static int try(const char *what, const char *place) {
  struct sockaddr_in address = parse_place(place);
  struct timeval limit = {.tv_sec = ANSWER_SECONDS};
  unsigned char request[HEADER_BYTES + 1] = {0};
  char answer[sizeof "HTTP/1.1 200" - 1];
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  int good = connect(fd, (struct sockaddr *)&address, sizeof address) == 0;
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  if (good && strcmp(what, "echo") == 0) {
    write_header(request, 'e', 0, 0);
    good = send_all(fd, request, sizeof request) && receive_all(fd, answer, 1);
  }
  if (good && strcmp(what, "http") == 0) {
    good = send_all(fd, HTTP_REQUEST, strlen(HTTP_REQUEST)) && receive_all(fd, answer, sizeof answer) &&
           memcmp(answer, "HTTP/1.1 200", sizeof answer) == 0;
  }
  close(fd);
  return good;
}

void until(const char *what, const char *place, double seconds) {
  double end = now_seconds() + seconds;
  while (!try(what, place)) {
    if (now_seconds() > end) fail(strcmp(what, "taken") == 0 ? "Nobody listens on %s" : "%s leads nowhere", place);
    usleep(RETRY_MICROSECONDS);
  }
  puts("{\"reached\":1}");
}
