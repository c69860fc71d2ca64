/*
 * The load of the bench: visitors on one side of a tunnel, the service on the other. In C, so that it costs less than
 * what it measures; main.ts speaks the same protocol where there is no C compiler.
 *
 *   load serve [ADDRESS]                   the service; prints {"port":N} and lives until its standard input ends
 *   load up|down PLACE BYTES STREAMS       BYTES on each of STREAMS connections at once
 *   load ping PLACE MILLISECONDS WARM_UP   64-byte round trips on one connection, the first WARM_UP not counted
 *   load connect PLACE MILLISECONDS LANES  new connections: connect, one byte and its echo, reset; LANES at a time
 *   load http PLACE MILLISECONDS LANES     GET requests on LANES connections that are kept
 *   load idle PLACE COUNT                  opens COUNT connections and holds them until its standard input ends
 *   load until taken|echo|http PLACE MILLISECONDS  waits until somebody listens, a byte comes back, a request is answered
 *   load line BITS_PER_SECOND DELAY_MILLISECONDS QUEUE_BYTES  see line.c; lives until its standard input ends
 *   load within NETWORK COMMAND...         starts a program on one of the line's two hosts
 *
 * A PLACE is a port of this machine, or ADDRESS:PORT.
 *
 * A visitor begins with 17 bytes: 'u', 'd' or 'e', then a seed and a count, both little-endian 64-bit numbers.
 *
 *   'u'  The visitor sends `count` bytes of the pattern from `seed` on; the service answers at once with the
 *        number of the first wrong byte, or with `count` when all were right.
 *   'd'  The service sends `count` bytes of the pattern from `seed` on, and the visitor checks them.
 *   'e'  The service sends back whatever comes.
 *   'G'  The service takes it for the begin of an HTTP request, and answers this and all that follow.
 *
 * After 'u' and 'd' the visitor sends END and the service answers END and closes: a surplus byte would show in its place.
 * Every visitor prints one line of JSON, or says on standard error what was wrong and ends with 1.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "common.h"

int main(int count, char **words) {
  struct rlimit files;
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  signal(SIGPIPE, SIG_IGN);
  make_pattern();
  const char *command = count > 1 ? words[1] : "", *place = count > 2 ? words[2] : "";
  double third = count > 3 ? atof(words[3]) : 0;
  if (strcmp(command, "serve") == 0 && count <= 3) {
    serve(count == 3 ? place : "127.0.0.1");
  } else if ((strcmp(command, "up") == 0 || strcmp(command, "down") == 0) && count == 5) {
    bulk(command[0], place, strtoull(words[3], NULL, 10), atoi(words[4]));
  } else if (strcmp(command, "ping") == 0 && count == 5) {
    ping(place, third / 1e3, atoi(words[4]));
  } else if (strcmp(command, "connect") == 0 && count == 5) {
    connect_anew(place, third / 1e3, atoi(words[4]));
  } else if (strcmp(command, "http") == 0 && count == 5) {
    request(place, third / 1e3, atoi(words[4]));
  } else if (strcmp(command, "idle") == 0 && count == 4) {
    idle(place, (int)third);
  } else if (strcmp(command, "until") == 0 && count == 5) {
    until(words[2], words[3], atof(words[4]) / 1e3);
  } else if (strcmp(command, "line") == 0 && count == 5) {
    run_line(atof(words[2]), third / 1e3, atof(words[4]));
  } else if (strcmp(command, "within") == 0 && count > 3) {
    run_within(words[2], words + 3);
  } else {
    fputs("Usage: load serve|up|down|ping|connect|http|idle|until|line|within ..., as main.c tells\n", stderr);
    return 2;
  }
  return 0;
}
