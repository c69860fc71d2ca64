/* The service: bulk streams have a thread each, everything else is echoed by one loop. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common.h"

struct guest {
  int fd;
  size_t header_got;
  unsigned char header[HEADER_BYTES];
  /* How much of a request's last four bytes has come. */
  size_t end_got;
};

/* Answers every request that ends in these bytes; gives 0 when the guest does not take the answer. */
static int answer_requests(struct guest *guest, const unsigned char *bytes, size_t count) {
  static const char end[] = "\r\n\r\n";
  static char response[256];
  static size_t size;
  if (size == 0) {
    size = (size_t)snprintf(response, sizeof response, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n%s",
                            strlen(HTTP_BODY), HTTP_BODY);
  }
  for (size_t i = 0; i < count; i++) {
    if (bytes[i] == (unsigned char)end[guest->end_got]) guest->end_got++;
    else guest->end_got = bytes[i] == '\r';
    if (guest->end_got < 4) continue;
    guest->end_got = 0;
    if (send(guest->fd, response, size, MSG_NOSIGNAL) != (ssize_t)size) return 0;
  }
  return 1;
}

static void *serve_bulk(void *argument) {
  struct guest *guest = argument;
  int fd = guest->fd, ended = 0;
  char operation = (char)guest->header[0], end = 0;
  uint64_t seed, count;
  memcpy(&seed, guest->header + 1, sizeof seed);
  memcpy(&count, guest->header + 9, sizeof count);
  free(guest);
  seed = le64toh(seed);
  count = le64toh(count);
  int good;
  if (operation == 'u') {
    uint64_t right = receive_pattern(fd, seed, count, &ended), answer = htole64(right);
    good = !ended && send_all(fd, &answer, sizeof answer);
    /* After a wrong byte the rest is still read: a reset now could overtake the answer. */
    char rest[64 * 1024];
    while (right != count && recv(fd, rest, sizeof rest, 0) > 0) continue;
  } else {
    good = send_pattern(fd, seed, count);
  }
  if (good && receive_all(fd, &end, 1) && end == END) send_all(fd, &end, 1);
  close(fd);
  return NULL;
}

/* Gives 0 when the guest is gone from the loop. */
static int serve_guest(int loop, struct guest *guest) {
  static char buffer[64 * 1024];
  if (guest->header_got < HEADER_BYTES) {
    ssize_t got = recv(guest->fd, guest->header + guest->header_got, HEADER_BYTES - guest->header_got, 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return 1;
    if (got <= 0) return 0;
    guest->header_got += (size_t)got;
    if (guest->header_got < HEADER_BYTES) return 1;
    if (guest->header[0] == 'e') return 1;
    if (guest->header[0] == 'G') return answer_requests(guest, guest->header, HEADER_BYTES);
    if (guest->header[0] != 'u' && guest->header[0] != 'd') return 0;
    epoll_ctl(loop, EPOLL_CTL_DEL, guest->fd, NULL);
    fcntl(guest->fd, F_SETFL, fcntl(guest->fd, F_GETFL) & ~O_NONBLOCK);
    fail_when_stalled(guest->fd);
    pthread_detach(start_thread(serve_bulk, guest));
    return 1;
  }
  ssize_t got = recv(guest->fd, buffer, sizeof buffer, 0);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return 1;
  if (got <= 0) return 0;
  if (guest->header[0] == 'G') return answer_requests(guest, (unsigned char *)buffer, (size_t)got);
  return send(guest->fd, buffer, (size_t)got, MSG_NOSIGNAL) == got;
}

static void accept_guests(int loop, int listener) {
  for (;;) {
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) return;
    no_delay(fd);
    struct guest *guest = calloc(1, sizeof *guest);
    if (guest == NULL) fail("Out of memory");
    guest->fd = fd;
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = guest};
    epoll_ctl(loop, EPOLL_CTL_ADD, fd, &event);
  }
}

void serve(const char *at) {
  static struct guest input, listener;
  struct sockaddr_in address = {.sin_family = AF_INET};
  if (inet_pton(AF_INET, at, &address.sin_addr) != 1) fail("Not an address: %s", at);
  socklen_t size = sizeof address;
  listener.fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (bind(listener.fd, (struct sockaddr *)&address, sizeof address) != 0 || listen(listener.fd, 4096) != 0) {
    fail("Cannot listen: %s", strerror(errno));
  }
  getsockname(listener.fd, (struct sockaddr *)&address, &size);
  printf("{\"port\":%d}\n", ntohs(address.sin_port));
  fflush(stdout);
  int loop = epoll_create1(EPOLL_CLOEXEC);
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = &listener};
  epoll_ctl(loop, EPOLL_CTL_ADD, listener.fd, &event);
  event.data.ptr = &input;
  epoll_ctl(loop, EPOLL_CTL_ADD, STDIN_FILENO, &event);
  for (;;) {
    struct epoll_event events[64];
    int count = epoll_wait(loop, events, 64, -1);
    for (int i = 0; i < count; i++) {
      struct guest *guest = events[i].data.ptr;
      if (guest == &listener) {
        accept_guests(loop, listener.fd);
      } else if (guest == &input) {
        char byte;
        if (read(STDIN_FILENO, &byte, 1) <= 0) return;
      } else if (!serve_guest(loop, guest)) {
        close(guest->fd);
        free(guest);
      }
    }
  }
}
