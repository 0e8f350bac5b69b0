/*
 * The floor under every floor: a loop that calls send() with BYTES bytes for every connection,
 * FRAMES_PER_SECOND times a second. No server on this kernel can send a frame for less.
 *
 *     cc -O2 -o send-floor bench/peers/send-floor.c && ./send-floor BYTES FRAMES_PER_SECOND     prints its port
 */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CONNECTIONS_MAX 4096

static double now(void) {
  struct timespec at;
  clock_gettime(CLOCK_MONOTONIC, &at);
  return at.tv_sec + at.tv_nsec / 1e9;
}

int main(int argc, char **argv) {
  static int connections[CONNECTIONS_MAX];
  static char frame[1 << 20];
  int count = 0, one = 1;
  size_t bytes = argc > 1 ? (size_t)atol(argv[1]) : 1;
  double every = 1 / (argc > 2 ? atof(argv[2]) : 1);
  if (bytes > sizeof frame) return 2;
  memset(frame, 'x', sizeof frame);

  int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t length = sizeof address;
  if (bind(listener, (struct sockaddr *)&address, length) || listen(listener, 1024)) return 1;
  getsockname(listener, (struct sockaddr *)&address, &length);
  printf("port %d\n", ntohs(address.sin_port));
  fflush(stdout);

  for (double due = now() + every;; due += every) {
    for (double left; (left = due - now()) > 0;) usleep((useconds_t)(left * 1e6) + 1);
    for (int fd; count < CONNECTIONS_MAX && (fd = accept4(listener, 0, 0, SOCK_NONBLOCK)) >= 0;) {
      setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
      connections[count++] = fd;
    }
    for (int i = 0; i < count; i++) send(connections[i], frame, bytes, MSG_NOSIGNAL | MSG_DONTWAIT);
  }
}
