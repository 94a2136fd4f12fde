/* SPDX-License-Identifier: MIT
 *
 * What differs between systems and is not the event loop's: files, locks, folders,
 * users, clocks for those who have no loop. The only place with #ifdef _WIN32. Paths
 * are UTF-8.
 */
#ifndef LCP_BASE_OS_H
#define LCP_BASE_OS_H

#include "lcp/types.h"

enum { LCP_PATH_MAX = 4096 };

/* Clocks for the world and for commands. Monotone milliseconds (never 0), and
 * Unix milliseconds. */
uint64_t lcp_os_mono_ms(void);
int64_t lcp_os_wall_ms(void);
void lcp_os_sleep_ms(uint64_t ms);

/* Joins with one '/'; LCP_EFULL if the result is too long. */
LCP_MUST_USE enum lcp_err lcp_path_join(char *out, size_t cap, const char *folder,
                                        const char *name);

/* $LCP_HOME, else ~/.lcp, else %LOCALAPPDATA%\lcp. */
LCP_MUST_USE enum lcp_err lcp_os_default_home(char *out, size_t cap);

/* Makes a folder with mode 0700; an existing folder is fine. */
LCP_MUST_USE enum lcp_err lcp_os_mkdir(const char *path);
bool lcp_os_exists(const char *path);
bool lcp_os_is_folder(const char *path);

/* Whole file into malloc'ed memory (free()), NUL-terminated behind its len bytes.
 * LCP_EFULL beyond max. */
LCP_MUST_USE enum lcp_err lcp_os_read_file(const char *path, size_t max, char **data,
                                           size_t *len);

/* Writes via temp + (with durable: fsync) + rename, so a reader sees the old or the
 * new whole. */
LCP_MUST_USE enum lcp_err lcp_os_write_file(const char *path, struct lcp_span data,
                                            unsigned mode, bool durable);
/* Like write_file, durable, but LCP_EEXIST instead of replacing. */
LCP_MUST_USE enum lcp_err lcp_os_create_file(const char *path, struct lcp_span data,
                                             unsigned mode);
/* A small file that is written over in place, again and again, and never synced. */
LCP_MUST_USE enum lcp_err lcp_os_open_line(const char *path, unsigned mode,
                                           intptr_t *handle);
LCP_MUST_USE enum lcp_err lcp_os_write_line(intptr_t handle, struct lcp_span line);
void lcp_os_close_line(intptr_t handle); /* accepts -1 */
LCP_MUST_USE enum lcp_err lcp_os_rename(const char *from, const char *to);
LCP_MUST_USE enum lcp_err lcp_os_remove(const char *path); /* absent is LCP_ENOTFOUND */

/* Reads keys/identity.pem (32 raw bytes). LCP_EPERM when group or others may read it,
 * or when it is not ours; LCP_EFORMAT for another size. On failure seed is zeroed. */
LCP_MUST_USE enum lcp_err lcp_os_read_seed(const char *path,
                                           uint8_t seed[static LCP_SEED_BYTES]);

/* Calls each(ctx, name) for the entries of a folder, "." and ".." left out, until it
 * says false. Order is the system's. */
LCP_MUST_USE enum lcp_err lcp_os_each_entry(const char *path,
                                            bool (*each)(void *ctx, const char *name),
                                            void *ctx);

/* An exclusive lock on a file, held until closed or the process ends; LCP_EBUSY when
 * taken. *pid (may be NULL): who holds it, 0 if unknown. */
struct lcp_os_lock {
    intptr_t handle; /* -1: none */
};
LCP_MUST_USE enum lcp_err lcp_os_lock(const char *path, struct lcp_os_lock *lock,
                                      long *pid);
void lcp_os_unlock(struct lcp_os_lock *lock);

/* Of this process. */
long lcp_os_pid(void);
/* How many more files it may open, counted up to max. */
size_t lcp_os_files_left(size_t max);

/* errno of the last failure of a function here, as text. */
const char *lcp_os_last_error(void);

/* The caller's user id, and that of the process at the other end of a connected Unix
 * socket. LCP_OK only if it is the same user (or root asks). */
LCP_MUST_USE enum lcp_err lcp_os_check_peer(int fd);

/* Who this process is, and who connected a Unix socket, for the audit record: "uid
 * 1000, pid 4711 (lcp)", less where the system does not say; "" when it says nothing.
 */
void lcp_os_who_self(char *out, size_t cap);
void lcp_os_who_peer(int fd, char *out, size_t cap);

/* Asks the person at the terminal (not whoever feeds standard input) and reads a line,
 * cut to cap. LCP_ENOTFOUND: there is no terminal. */
LCP_MUST_USE enum lcp_err lcp_os_ask_person(const char *question, char *answer,
                                            size_t cap);

/* Opens the standard streams that the starter closed, so that no file or socket of ours
 * gets their numbers and with them what is printed. Writing to such a one fails. */
void lcp_os_guard_stdio(void);

/* Detaches from the terminal; the child goes on with 0, the parent gets the child's pid
 * after the child called lcp_os_detached(0), LCP_EIO when it failed before: then *pid
 * is the exit code it reported, 0 if it had no time to. Before any thread is started.
 * Standard output and error stay those of the starter until lcp_os_detached(), so that
 * a person sees why a start failed; then they are the log. A lock taken before would
 * name the starter. */
LCP_MUST_USE enum lcp_err lcp_os_detach(const char *log_path, long *pid);
void lcp_os_detached(int exit_code);
/* If standard error is a plain file (a detached daemon's log) of max_bytes or more:
 * renames it to
 * "<log_path>.1", replacing that, and goes on in a new one. Else does nothing. Cheap:
 * one fstat. */
LCP_MUST_USE enum lcp_err lcp_os_rotate_log(const char *log_path, uint64_t max_bytes);

/* Blocking local stream to a daemon, for commands: a Unix socket path or on Windows
 * TCP. LCP_ECLOSED when nobody listens or there is no such path, LCP_EPERM when the
 * system forbids it (a sandbox). */
LCP_MUST_USE enum lcp_err lcp_os_connect(const char *path, intptr_t *handle);
LCP_MUST_USE enum lcp_err lcp_os_stream_write(intptr_t handle, struct lcp_span data);
/* Reads at least one byte, at most cap; *len 0 at the end; LCP_ETIMEOUT
 * after timeout_ms. */
LCP_MUST_USE enum lcp_err lcp_os_stream_read(intptr_t handle, void *out, size_t cap,
                                             uint64_t timeout_ms, size_t *len);
void lcp_os_stream_close(intptr_t handle);

/* The first address on an interface inside 100.64.0.0/10 or
 * fd7a:115c:a1e0::/48; LCP_ENOTFOUND. */
LCP_MUST_USE enum lcp_err lcp_os_tailnet_address(struct lcp_endpoint *out);

#endif
