/* SPDX-License-Identifier: MIT
 *
 * A question to the person at the terminal, past all redirections.
 */
#define _GNU_SOURCE
#include "base/os.h"

#include <errno.h>
#include <fcntl.h>
#include <termios.h>
#include <unistd.h>

#include "base/os_error.h"

static bool
write_all(int fd, const char *text)
{
    size_t len = strlen(text);

    while (len > 0) {
        ssize_t put = write(fd, text, len);

        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            return false;
        text += put;
        len -= (size_t)put;
    }
    return true;
}

/* One line without its end; what is too long for out is dropped. */
static enum lcp_err
read_line(int fd, char *out, size_t cap)
{
    size_t len = 0;
    char c = '\0';

    for (;;) {
        ssize_t got = read(fd, &c, 1);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return lcp_os_fail();
        if (got == 0 || c == '\n')
            break;
        if (len + 1 < cap)
            out[len++] = c;
    }
    out[len] = '\0';
    return LCP_OK;
}

enum lcp_err
lcp_os_ask_person(const char *question, char *answer, size_t cap)
{
    int tty = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
    int in = tty, out = tty;
    enum lcp_err err = LCP_ENOTFOUND;

    if (tty < 0 && isatty(STDIN_FILENO)) {
        in = STDIN_FILENO;
        out = STDERR_FILENO;
    }
    if (in >= 0) {
        (void)tcflush(in,
                      TCIFLUSH); /* what was typed before the question is no answer */
        err = write_all(out, question) ? read_line(in, answer, cap) : lcp_os_fail();
    }
    if (tty >= 0)
        close(tty);
    return err;
}
