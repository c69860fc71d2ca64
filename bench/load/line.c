/*
 * A long line between two hosts: two network namespaces, each with one end of it as a TUN device. This process takes each
 * packet off one end, holds it as long as the line would need, and puts it on the other. So both hosts speak real TCP, with
 * its own windows, acknowledgements and losses; nothing here ends a connection.
 *
 * The line sends one packet after the other at its rate. A packet that finds more than the queue's size in front of it is
 * dropped, as a router drops it. After it was sent it travels for the delay.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "common.h"

enum {
  PACKET_BYTES = 1500,
  /* Packets of one direction under way; more than fit into any queue that is asked for. */
  ROOM = 16 * 1024,
};

struct packet {
  double due_seconds;
  size_t size;
  unsigned char bytes[PACKET_BYTES];
};

struct direction {
  int from, to;
  /* When the line will have sent all that it was given. */
  double free_seconds;
  size_t first, count;
  struct packet packets[ROOM];
};

static void give_address(int fd, struct ifreq *device, unsigned long request, const char *address) {
  struct sockaddr_in *place = (struct sockaddr_in *)&device->ifr_addr;
  memset(place, 0, sizeof *place);
  place->sin_family = AF_INET;
  inet_pton(AF_INET, address, &place->sin_addr);
  if (ioctl(fd, request, device) != 0) fail("Cannot give the line %s: %s", address, strerror(errno));
}

static void bring_up(int fd, struct ifreq *device) {
  if (ioctl(fd, SIOCGIFFLAGS, device) != 0) fail("Cannot look at %s: %s", device->ifr_name, strerror(errno));
  device->ifr_flags |= IFF_UP | IFF_RUNNING;
  if (ioctl(fd, SIOCSIFFLAGS, device) != 0) fail("Cannot bring up %s: %s", device->ifr_name, strerror(errno));
}

/* Moves this process into a new network with one end of the line, and gives the device; `*network` is a handle of it. */
static int make_host(const char *address, int *network) {
  if (unshare(CLONE_NEWNET) != 0) fail("Cannot make a network: %s", strerror(errno));
  *network = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
  int device = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
  struct ifreq line = {.ifr_flags = IFF_TUN | IFF_NO_PI}, loopback = {0};
  strcpy(line.ifr_name, "line");
  strcpy(loopback.ifr_name, "lo");
  if (device < 0 || ioctl(device, TUNSETIFF, &line) != 0) fail("Cannot make a device: %s", strerror(errno));
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  give_address(fd, &line, SIOCSIFADDR, address);
  give_address(fd, &line, SIOCSIFNETMASK, "255.255.255.0");
  bring_up(fd, &line);
  bring_up(fd, &loopback);
  close(fd);
  return device;
}

/* Takes all packets that wait at one end. */
static void take(struct direction *way, double bytes_per_second, double delay_seconds, double queue_bytes) {
  for (;;) {
    struct packet *packet = &way->packets[(way->first + way->count) % ROOM];
    static unsigned char dropped[PACKET_BYTES];
    double now = now_seconds();
    double waiting = way->free_seconds > now ? (way->free_seconds - now) * bytes_per_second : 0;
    int full = way->count == ROOM;
    ssize_t size = read(way->from, full ? dropped : packet->bytes, PACKET_BYTES);
    if (size <= 0) return;
    if (full || waiting + (double)size > queue_bytes) continue;
    way->free_seconds = (waiting > 0 ? way->free_seconds : now) + (double)size / bytes_per_second;
    packet->due_seconds = way->free_seconds + delay_seconds;
    packet->size = (size_t)size;
    way->count++;
  }
}

/* Hands over what has arrived, and gives the seconds until the next arrives. */
static double hand_over(struct direction *way) {
  while (way->count > 0) {
    struct packet *packet = &way->packets[way->first];
    double left = packet->due_seconds - now_seconds();
    if (left > 0) return left;
    if (write(way->to, packet->bytes, packet->size) < 0) {
      /* A host that takes no packet loses it. */
    }
    way->first = (way->first + 1) % ROOM;
    way->count--;
  }
  return 1;
}

void run_line(double bits_per_second, double delay_seconds, double queue_bytes) {
  static struct direction ways[2];
  int server_network, client_network;
  int server = make_host("10.0.0.1", &server_network);
  int client = make_host("10.0.0.2", &client_network);
  ways[0] = (struct direction){.from = server, .to = client};
  ways[1] = (struct direction){.from = client, .to = server};
  /* Half a tenth of a millisecond late is too late for packets that take a quarter of one. */
  prctl(PR_SET_TIMERSLACK, 1000UL, 0, 0, 0);
  printf("{\"server\":\"/proc/%d/fd/%d\",\"client\":\"/proc/%d/fd/%d\"}\n", getpid(), server_network, getpid(),
         client_network);
  fflush(stdout);
  for (;;) {
    double wait = 1;
    for (int i = 0; i < 2; i++) {
      take(&ways[i], bits_per_second / 8, delay_seconds, queue_bytes);
      double next = hand_over(&ways[i]);
      if (next < wait) wait = next;
    }
    struct pollfd ends[] = {{server, POLLIN, 0}, {client, POLLIN, 0}, {STDIN_FILENO, POLLIN, 0}};
    struct timespec limit = {.tv_sec = (time_t)wait, .tv_nsec = (long)((wait - (double)(time_t)wait) * 1e9)};
    ppoll(ends, 3, &limit, NULL);
    char byte;
    if (ends[2].revents != 0 && read(STDIN_FILENO, &byte, 1) <= 0) return;
  }
}

void run_within(const char *network, char **command) {
  int fd = open(network, O_RDONLY | O_CLOEXEC);
  if (fd < 0 || setns(fd, CLONE_NEWNET) != 0) fail("Cannot enter %s: %s", network, strerror(errno));
  execvp(command[0], command);
  fail("Cannot start %s: %s", command[0], strerror(errno));
}
