/*
 * The load of the bench: visitors on one side of a tunnel, the service on the other. In C, so that it costs less than
 * what it measures; main.ts speaks the same protocol where there is no C compiler.
 *
 *   load serve                            the service; prints {"port":N} and lives until its standard input ends
 *   load up|down PORT BYTES STREAMS       BYTES on each of STREAMS connections at once
 *   load ping PORT MILLISECONDS           64-byte round trips on one connection, one after the other
 *   load connect PORT MILLISECONDS LANES  new connections: connect, one byte and its echo, reset; LANES at a time
 *   load idle PORT COUNT                  opens COUNT connections and holds them until its standard input ends
 *
 * A visitor begins with 17 bytes: 'u', 'd' or 'e', then a seed and a count, both little-endian 64-bit numbers.
 *
 *   'u'  The visitor sends `count` bytes of the pattern from `seed` on; the service answers at once with the
 *        number of the first wrong byte, or with `count` when all were right.
 *   'd'  The service sends `count` bytes of the pattern from `seed` on, and the visitor checks them.
 *   'e'  The service sends back whatever comes.
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
  const char *command = count > 1 ? words[1] : "";
  int port = count > 2 ? atoi(words[2]) : 0;
  if (strcmp(command, "serve") == 0 && count == 2) {
    serve();
  } else if ((strcmp(command, "up") == 0 || strcmp(command, "down") == 0) && count == 5) {
    bulk(command[0], port, strtoull(words[3], NULL, 10), atoi(words[4]));
  } else if (strcmp(command, "ping") == 0 && count == 4) {
    ping(port, atof(words[3]) / 1e3);
  } else if (strcmp(command, "connect") == 0 && count == 5) {
    connect_anew(port, atof(words[3]) / 1e3, atoi(words[4]));
  } else if (strcmp(command, "idle") == 0 && count == 4) {
    idle(port, atoi(words[3]));
  } else {
    fputs("Usage: load serve | up|down PORT BYTES STREAMS | ping PORT MS | connect PORT MS LANES | idle PORT COUNT\n",
          stderr);
    return 2;
  }
  return 0;
}
