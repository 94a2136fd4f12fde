/* SPDX-License-Identifier: MIT
 *
 * Loaded before the program: the LCP_FAIL_ALLOC-th allocation from the program's start
 * on finds no memory; with LCP_FAIL_ALLOC_COUNT so many from there on. Without them it
 * only counts. LCP_ALLOC_COUNT_FILE: where the number of allocations is written at the
 * end.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* glibc's own names for what is replaced here. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);

static atomic_ulong calls;
static unsigned long fail_at, fail_through;
static bool is_counting;

static bool
has_memory(void)
{
    unsigned long call;

    if (!is_counting)
        return true;
    call = atomic_fetch_add(&calls, 1) + 1;
    if (call < fail_at || call > fail_through)
        return true;
    errno = ENOMEM;
    return false;
}

void *
malloc(size_t size)
{
    return has_memory() ? __libc_malloc(size) : NULL;
}

void *
calloc(size_t count, size_t size)
{
    return has_memory() ? __libc_calloc(count, size) : NULL;
}

void *
realloc(void *old, size_t size)
{
    return has_memory() ? __libc_realloc(old, size) : NULL;
}

static unsigned long
number_of(const char *name, unsigned long otherwise)
{
    const char *text = getenv(name);

    return text == NULL ? otherwise : strtoul(text, NULL, 10);
}

__attribute__((constructor)) static void
start(void)
{
    fail_at = number_of("LCP_FAIL_ALLOC", 0);
    if (fail_at == 0)
        fail_at = (unsigned long)-1;
    fail_through = fail_at - 1 + number_of("LCP_FAIL_ALLOC_COUNT", 1);
    if (fail_through < fail_at)
        fail_through = fail_at;
    is_counting = true;
}

__attribute__((destructor)) static void
end(void)
{
    const char *path = getenv("LCP_ALLOC_COUNT_FILE");
    char text[32];
    int fd, len;

    is_counting = false;
    if (path == NULL || (fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600)) < 0)
        return;
    len = snprintf(text, sizeof(text), "%lu\n", (unsigned long)atomic_load(&calls));
    if (write(fd, text, (size_t)len) != len)
        unlink(path);
    close(fd);
}
