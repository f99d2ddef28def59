/* A raw S3 server for benchmarks: objects are files, nothing is synced, one thread a connection. Of all that a client says
 * of its bytes only x-amz-checksum-crc32c is checked, as AWS does: other bytes are refused, the value is answered, and an
 * upload in parts that was begun with that algorithm wants it of each part, and of each once more at its end.
 *
 * It takes PUT (also of parts), GET (also of ranges), HEAD, DELETE, copies, multipart uploads, ListParts and
 * ListObjectsV2, path style, any signature. Conditions are heeded where AWS does so: If-None-Match: * on PUT, CopyObject (since October 2025)
 * and the end of a multipart upload, If-Match on PUT and DELETE, x-amz-copy-source-if-match on copies of either kind.
 *
 * ETags come from time and inode, not from content. An object made of parts is a list of pieces of files, so that putting
 * it together copies nothing. Nor does copying: a copy of an object that came whole is a second name for it and has its
 * etag, as with AWS; that of an object made of parts has another.
 * Usage: s3raw DIRECTORY PORT [CERTIFICATE KEY [DELAY_MS]]
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#if defined(__x86_64__)
#include <nmmintrin.h>
#endif

#define BUFFER (256 << 10)
#define LANE 4096 /* bytes of each of the three lanes in which a processor reckons CRC32C */
#define LISTED "s3raw-parts\n"

static const char *root;
static SSL_CTX *tls;
static long delay_ms;
static long counter;
static pthread_mutex_t judging = PTHREAD_MUTEX_INITIALIZER; /* held from a look at an etag until what depends on it */

typedef struct {
    int fd;
    SSL *ssl;
    char *buffer; /* what was read and not used yet: [from, to) */
    size_t from, to;
    char method[8], path[PATH_MAX], query[4096];
    char range[64], copy_source[PATH_MAX], copy_range[64], copy_if_match[96], if_match[96];
    char sum[32], algorithm[16];
    int if_none_match, expects, close;
    long long length;
    uint32_t crc; /* of the body as it is read, where the client sent one */
} Connection;

static uint32_t byte_table[256], lane_table[4][256];

static uint32_t crc_by_table(uint32_t crc, const unsigned char *data, size_t size) {
    while (size--) crc = byte_table[(crc ^ *data++) & 255] ^ (crc >> 8);
    return crc;
}

static void make_tables(void) {
    static const unsigned char zeros[LANE];
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t crc = i;
        for (int bit = 0; bit < 8; bit++) crc = crc & 1 ? crc >> 1 ^ 0x82f63b78 : crc >> 1;
        byte_table[i] = crc;
    }
    for (int bit = 0; bit < 32; bit++) { /* what LANE bytes of zeros make of a bit, and so of any four bytes */
        uint32_t made = crc_by_table(1u << bit, zeros, LANE);
        for (int i = 0; i < 256; i++)
            if (i >> bit % 8 & 1) lane_table[bit / 8][i] ^= made;
    }
}

#if defined(__x86_64__)
static uint32_t past_lane(uint32_t crc) {
    return lane_table[0][crc & 255] ^ lane_table[1][crc >> 8 & 255] ^ lane_table[2][crc >> 16 & 255] ^ lane_table[3][crc >> 24];
}

/* The instruction answers after three cycles, and may be begun in each: so three lanes go side by side. */
__attribute__((target("sse4.2"))) static uint32_t crc_by_processor(uint32_t crc, const unsigned char *data, size_t size) {
    uint64_t a = crc, b, c, word[3];
    for (; size >= 3 * LANE; data += 3 * LANE, size -= 3 * LANE) {
        b = c = 0;
        for (size_t i = 0; i < LANE; i += 8) {
            memcpy(word, data + i, 8), memcpy(word + 1, data + LANE + i, 8), memcpy(word + 2, data + 2 * LANE + i, 8);
            a = _mm_crc32_u64(a, word[0]), b = _mm_crc32_u64(b, word[1]), c = _mm_crc32_u64(c, word[2]);
        }
        a = past_lane(past_lane(a) ^ b) ^ c;
    }
    for (; size >= 8; data += 8, size -= 8) memcpy(word, data, 8), a = _mm_crc32_u64(a, word[0]);
    while (size--) a = _mm_crc32_u8(a, *data++);
    return a;
}
#endif

static uint32_t crc32c(uint32_t crc, const char *data, size_t size) {
#if defined(__x86_64__)
    if (__builtin_cpu_supports("sse4.2")) return crc_by_processor(crc, (const unsigned char *)data, size);
#endif
    return crc_by_table(crc, (const unsigned char *)data, size);
}

/* The checksum as headers have it: base64 of its four bytes, the highest first. */
static void written(uint32_t crc, char *into) {
    unsigned char bytes[4] = {crc >> 24, crc >> 16, crc >> 8, crc};
    EVP_EncodeBlock((unsigned char *)into, bytes, 4);
}

static ssize_t receive(Connection *c, void *into, size_t most) {
    return c->ssl ? SSL_read(c->ssl, into, most > INT_MAX ? INT_MAX : (int)most) : recv(c->fd, into, most, 0);
}

static int send_all(Connection *c, const char *data, size_t size) {
    while (size) {
        ssize_t n = c->ssl ? SSL_write(c->ssl, data, size > INT_MAX ? INT_MAX : (int)size)
                           : send(c->fd, data, size, MSG_NOSIGNAL);
        if (n <= 0) return -1;
        data += n, size -= n;
    }
    return 0;
}

static int answer(Connection *c, int code, const char *headers, const char *body) {
    char head[8192];
    const char *reason = code < 300 ? "OK" : code == 404 ? "Not Found" : "Error";
    size_t size = strlen(body);
    int n = snprintf(head, sizeof head, "HTTP/1.1 %d %s\r\nx-amz-request-id: raw\r\n%sContent-Length: %zu\r\n\r\n", code,
                     reason, headers, size);
    if (size < sizeof head - n) {
        memcpy(head + n, body, size);
        return send_all(c, head, n + size);
    }
    return send_all(c, head, n) || send_all(c, body, size);
}

static int explained(Connection *c, int code, const char *kind, const char *why) {
    char body[512];
    snprintf(body, sizeof body, "<?xml version=\"1.0\"?><Error><Code>%s</Code><Message>%s</Message></Error>", kind, why);
    return answer(c, code, "Content-Type: application/xml\r\n", strcmp(c->method, "HEAD") ? body : "");
}

static int failed(Connection *c, int code, const char *kind) { return explained(c, code, kind, kind); }

static void decode(char *text) {
    char *to = text;
    for (; *text; text++) {
        unsigned value;
        if (*text == '%' && sscanf(text + 1, "%2x", &value) == 1) *to++ = (char)value, text += 2;
        else *to++ = *text;
    }
    *to = 0;
}

static const char *parameter(Connection *c, const char *name, char *into, size_t size) {
    size_t length = strlen(name);
    for (const char *at = c->query; at; at = strchr(at, '&') ? strchr(at, '&') + 1 : NULL)
        if (!strncmp(at, name, length) && (at[length] == '=' || at[length] == '&' || !at[length])) {
            const char *value = at[length] == '=' ? at + length + 1 : "";
            size_t n = strcspn(value, "&");
            if (n >= size) n = size - 1;
            memcpy(into, value, n);
            into[n] = 0;
            decode(into);
            return into;
        }
    return NULL;
}

static int read_head(Connection *c) {
    for (;;) {
        c->buffer[c->to] = 0;
        char *end = strstr(c->buffer + c->from, "\r\n\r\n");
        if (end) {
            char *line = c->buffer + c->from, target[PATH_MAX + 4096];
            *end = 0;
            c->from = end + 4 - c->buffer;
            c->length = 0, c->if_none_match = c->expects = c->close = 0;
            c->sum[0] = c->algorithm[0] = c->range[0] = c->copy_source[0] = c->copy_range[0] = c->copy_if_match[0] = c->if_match[0] = 0;
            if (sscanf(line, "%7s %8000s", c->method, target) != 2) return -1;
            char *query = strchr(target, '?');
            snprintf(c->query, sizeof c->query, "%s", query ? query + 1 : "");
            if (query) *query = 0;
            decode(target);
            snprintf(c->path, sizeof c->path, "%s", target);
            while ((line = strstr(line, "\r\n"))) {
                line += 2;
                if (!strncasecmp(line, "content-length:", 15)) c->length = atoll(line + 15);
                else if (!strncasecmp(line, "range:", 6)) sscanf(line + 6, " %63[^\r]", c->range);
                else if (!strncasecmp(line, "if-none-match:", 14)) c->if_none_match = 1;
                else if (!strncasecmp(line, "if-match:", 9)) sscanf(line + 9, " %95[^\r]", c->if_match);
                else if (!strncasecmp(line, "expect:", 7)) c->expects = 1;
                else if (!strncasecmp(line, "x-amz-checksum-crc32c:", 22)) sscanf(line + 22, " %31[^\r]", c->sum);
                else if (!strncasecmp(line, "x-amz-checksum-algorithm:", 25)) sscanf(line + 25, " %15[^\r]", c->algorithm);
                else if (!strncasecmp(line, "connection: close", 17)) c->close = 1;
                else if (!strncasecmp(line, "x-amz-copy-source:", 18)) sscanf(line + 18, " %4095[^\r]", c->copy_source);
                else if (!strncasecmp(line, "x-amz-copy-source-range:", 24)) sscanf(line + 24, " %63[^\r]", c->copy_range);
                else if (!strncasecmp(line, "x-amz-copy-source-if-match:", 27))
                    sscanf(line + 27, " %95[^\r]", c->copy_if_match);
            }
            return 0;
        }
        if (c->from) {
            memmove(c->buffer, c->buffer + c->from, c->to - c->from);
            c->to -= c->from, c->from = 0;
        }
        if (c->to >= BUFFER - 1) return -1;
        ssize_t n = receive(c, c->buffer + c->to, BUFFER - 1 - c->to);
        if (n <= 0) return -1;
        c->to += n;
    }
}

static int read_body(Connection *c, int file) {
    long long left = c->length;
    c->crc = ~0u;
    if (c->expects && send_all(c, "HTTP/1.1 100 Continue\r\n\r\n", 25)) return -1;
    while (left) {
        if (c->from == c->to) {
            ssize_t n = receive(c, c->buffer, left < BUFFER - 1 ? (size_t)left : BUFFER - 1);
            if (n <= 0) return -1;
            c->from = 0, c->to = n;
        }
        size_t n = c->to - c->from;
        if ((long long)n > left) n = left;
        if (*c->sum) c->crc = crc32c(c->crc, c->buffer + c->from, n);
        if (file >= 0 && write(file, c->buffer + c->from, n) != (ssize_t)n) return -1;
        c->from += n, left -= n;
    }
    c->crc = ~c->crc;
    return 0;
}

/* The whole body, with a zero behind it; NULL when it breaks off. */
static char *whole_body(Connection *c) {
    char *body = malloc(c->length + 1);
    long long got = 0;
    while (got < c->length) {
        if (c->from == c->to) {
            ssize_t n = receive(c, c->buffer, BUFFER - 1);
            if (n <= 0) return free(body), NULL;
            c->from = 0, c->to = n;
        }
        size_t n = c->to - c->from;
        if ((long long)n > c->length - got) n = c->length - got;
        memcpy(body + got, c->buffer + c->from, n);
        c->from += n, got += n;
    }
    body[got] = 0;
    return body;
}

/* What an upload in parts is: "plain" or "CRC32C", its algorithm; NULL when there is none, or it is over. */
static const char *state_of(const char *upload, char *into, size_t size) {
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/.uploads/%s/state", root, upload);
    ssize_t n = readlink(path, into, size - 1);
    if (n < 0) return NULL;
    into[n] = 0;
    return strcmp(into, "over") ? into : NULL;
}

static void note(const char *path, const char *what) {
    char temporary[PATH_MAX];
    snprintf(temporary, sizeof temporary, "%s.%ld", path, __sync_add_and_fetch(&counter, 1));
    if (!symlink(what, temporary)) rename(temporary, path);
}

static void set_state(const char *upload, const char *state) {
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/.uploads/%s/state", root, upload);
    note(path, state);
}

/* The checksum with which a part came, or "". */
static const char *sum_of(const char *part, char *into, size_t size) {
    char path[PATH_MAX + 64];
    snprintf(path, sizeof path, "%s.sum", part);
    ssize_t n = readlink(path, into, size - 1);
    into[n > 0 ? n : 0] = 0;
    return into;
}

static void parents(char *path) {
    for (char *at = path + strlen(root) + 1; (at = strchr(at, '/')); at++) {
        *at = 0;
        mkdir(path, 0777);
        *at = '/';
    }
}

static void etag_of(const struct stat *facts, char *into) {
    sprintf(into, "%lx%06lx-%llx", facts->st_mtim.tv_sec, facts->st_mtim.tv_nsec / 1000, (long long)facts->st_ino);
}

/* Whether the condition, if there is one, names the etag of what has these facts. */
static int matches(const char *condition, const struct stat *facts) {
    char etag[96], quoted[100];
    if (!*condition) return 1;
    etag_of(facts, etag);
    snprintf(quoted, sizeof quoted, "\"%s\"", etag);
    return !strcmp(condition, quoted) || !strcmp(condition, etag);
}

/* The whole size of an object; for one made of parts `pieces` is set to its open list: length, start, file. */
static long long size_of(const char *path, const struct stat *facts, FILE **pieces) {
    char magic[16];
    long long size = facts->st_size;
    if (pieces) *pieces = NULL;
    if (!(facts->st_mode & S_ISVTX)) return size;
    FILE *list = fopen(path, "r");
    if (list && fgets(magic, sizeof magic, list) && fscanf(list, "%lld", &size) == 1 && pieces) *pieces = list;
    else if (list) fclose(list);
    return size;
}

static FILE *begin_list(const char *path, long long total) {
    FILE *list = fopen(path, "w");
    if (list) fprintf(list, LISTED "%lld\n", total), fchmod(fileno(list), 0644 | S_ISVTX);
    return list;
}

/* Add `left` bytes from `start` of an object to a list; `path` has to stay what it is. */
static void add_pieces(FILE *list, const char *path, const struct stat *facts, long long start, long long left) {
    FILE *pieces;
    long long length, from;
    char piece[PATH_MAX];
    size_of(path, facts, &pieces);
    if (!pieces) fprintf(list, "%lld %lld %s\n", left, start, path);
    while (pieces && left > 0 && fscanf(pieces, "%lld %lld %4095s", &length, &from, piece) == 3) {
        long long now = length - start < left ? length - start : left;
        if (start >= length) start -= length;
        else fprintf(list, "%lld %lld %s\n", now, from + start, piece), left -= now, start = 0;
    }
    if (pieces) fclose(pieces);
}

/* Have what lies under `temporary` under `target`, on the conditions of the request; 0 or the status of a failure. */
static int place(Connection *c, const char *temporary, char *target) {
    struct stat facts;
    int done, status = 0;
    if (*c->if_match) {
        pthread_mutex_lock(&judging);
        if (stat(target, &facts)) status = 404;
        else if (!matches(c->if_match, &facts)) status = 412;
        else status = rename(temporary, target) ? 500 : 0;
        pthread_mutex_unlock(&judging);
    } else {
        done = c->if_none_match ? link(temporary, target) : rename(temporary, target);
        if (done && errno == ENOENT) {
            parents(target);
            done = c->if_none_match ? link(temporary, target) : rename(temporary, target);
        }
        if (done) status = errno == EEXIST ? 412 : 500;
    }
    unlink(temporary); /* also where it was a second name of the target: renaming that does nothing */
    return status;
}

static int refused(Connection *c, int status) {
    return failed(c, status, status == 404 ? "NoSuchKey" : status == 412 ? "PreconditionFailed" : "InternalError");
}

/* Store the body, of a part where `part`. */
static int put(Connection *c, char *path, int part) {
    char temporary[PATH_MAX + 64], headers[256], etag[96], sum[16], summed[PATH_MAX + 64];
    struct stat facts;
    snprintf(temporary, sizeof temporary, "%s/.uploads/t%ld", root, __sync_add_and_fetch(&counter, 1));
    int file = open(temporary, O_WRONLY | O_CREAT | O_TRUNC, 0666);
    if (file < 0) return failed(c, 500, "InternalError");
    if (read_body(c, file)) return close(file), unlink(temporary), -1;
    fstat(file, &facts);
    close(file);
    written(c->crc, sum);
    if (*c->sum && strcmp(c->sum, sum)) {
        unlink(temporary);
        if (strlen(c->sum) != strlen(sum))
            return explained(c, 400, "InvalidRequest", "Value for x-amz-checksum-crc32c header is invalid.");
        return explained(c, 400, "BadDigest", "The CRC32C you specified did not match the calculated checksum.");
    }
    int status = place(c, temporary, path);
    if (status) return refused(c, status);
    etag_of(&facts, etag);
    int n = snprintf(headers, sizeof headers, "ETag: \"%s\"\r\n", etag);
    if (*c->sum) snprintf(headers + n, sizeof headers - n, "x-amz-checksum-crc32c: %s\r\n", sum);
    snprintf(summed, sizeof summed, "%s.sum", path);
    if (part && *c->sum) note(summed, sum);
    return answer(c, 200, headers, "");
}

static int put_part(Connection *c, const char *upload, const char *number) {
    char part[PATH_MAX], state[16], why[128];
    const char *wanted = state_of(upload, state, sizeof state), *sent = *c->sum ? "CRC32C" : "plain";
    if (!wanted) return read_body(c, -1) || failed(c, 404, "NoSuchUpload");
    if (strcmp(wanted, sent)) {
        snprintf(why, sizeof why, "Checksum Type mismatch occurred, expected checksum Type: %s, actual checksum Type: %s",
                 *wanted == 'p' ? "null" : wanted, *c->sum ? sent : "null");
        return read_body(c, -1) || explained(c, 400, "InvalidRequest", why);
    }
    snprintf(part, sizeof part, "%s/.uploads/%s/%d", root, upload, atoi(number));
    return put(c, part, 1);
}

/* Copy an object, or with `part` a range of it, which becomes that part of a multipart upload. */
static int copy(Connection *c, char *path, const char *part) {
    char source[PATH_MAX * 2], own[PATH_MAX + 64], listed[PATH_MAX + 80], etag[96], body[512];
    struct stat facts;
    decode(c->copy_source);
    snprintf(source, sizeof source, "%s/%s", root, c->copy_source + (c->copy_source[0] == '/'));
    if (part) snprintf(own, sizeof own, "%s.of", part);
    else snprintf(own, sizeof own, "%s/.uploads/t%ld", root, __sync_add_and_fetch(&counter, 1));
    unlink(own);
    if (link(source, own) || stat(own, &facts)) return refused(c, 404); /* ours, whatever gets its name later */
    if (!matches(c->copy_if_match, &facts)) return unlink(own), refused(c, 412);
    if (part || facts.st_mode & S_ISVTX) {
        long long size = size_of(own, &facts, NULL), start = 0, end = size - 1;
        if (*c->copy_range && (sscanf(c->copy_range, "bytes=%lld-%lld", &start, &end) != 2 || end >= size))
            return unlink(own), failed(c, 400, "InvalidArgument");
        snprintf(listed, sizeof listed, "%s.list", own);
        FILE *list = begin_list(listed, end + 1 - start);
        if (!list) return unlink(own), refused(c, 500);
        add_pieces(list, own, &facts, start, end + 1 - start);
        fclose(list);
        if (stat(listed, &facts) || rename(listed, part ? part : own)) return refused(c, 500);
    }
    int status = part ? 0 : place(c, own, path);
    if (status) return refused(c, status);
    etag_of(&facts, etag);
    const char *kind = part ? "Part" : "Object";
    snprintf(body, sizeof body, "<?xml version=\"1.0\"?><Copy%sResult><ETag>\"%s\"</ETag></Copy%sResult>", kind, etag, kind);
    return answer(c, 200, "Content-Type: application/xml\r\n", body);
}

static int send_file(Connection *c, const char *path, off_t start, long long size) {
    int file = open(path, O_RDONLY);
    if (file < 0) return -1;
    char *buffer = c->ssl ? malloc(BUFFER) : NULL;
    while (size > 0) {
        ssize_t n;
        if (c->ssl) {
            n = pread(file, buffer, size < BUFFER ? (size_t)size : BUFFER, start);
            if (n <= 0 || send_all(c, buffer, n)) break;
            start += n;
        } else if ((n = sendfile(c->fd, file, &start, size)) <= 0) break;
        size -= n;
    }
    free(buffer);
    close(file);
    return size ? -1 : 0;
}

static int get(Connection *c, const char *path) {
    struct stat facts;
    char head[1024], etag[96], when[64];
    FILE *pieces;
    if (stat(path, &facts) || !S_ISREG(facts.st_mode)) return failed(c, 404, "NoSuchKey");
    long long size = size_of(path, &facts, &pieces), start = 0, end = size - 1;
    int ranged = sscanf(c->range, "bytes=%lld-%lld", &start, &end);
    if (ranged >= 1 && start >= size) {
        if (pieces) fclose(pieces);
        return failed(c, 416, "InvalidRange");
    }
    if (end > size - 1) end = size - 1;
    struct tm broken;
    strftime(when, sizeof when, "%a, %d %b %Y %H:%M:%S GMT", gmtime_r(&facts.st_mtime, &broken));
    etag_of(&facts, etag);
    int n = snprintf(head, sizeof head,
                     "HTTP/1.1 %s\r\nContent-Length: %lld\r\nETag: \"%s\"\r\nLast-Modified: %s\r\nAccept-Ranges: bytes\r\n"
                     "Content-Type: application/octet-stream\r\n",
                     ranged >= 1 ? "206 Partial Content" : "200 OK", end - start + 1, etag, when);
    if (ranged >= 1)
        n += snprintf(head + n, sizeof head - n, "Content-Range: bytes %lld-%lld/%lld\r\n", start, end, size);
    n += snprintf(head + n, sizeof head - n, "\r\n");
    int cork = 1, result = 0, wanted = strcmp(c->method, "HEAD");
    if (wanted && !c->ssl) setsockopt(c->fd, IPPROTO_TCP, TCP_CORK, &cork, sizeof cork);
    result = send_all(c, head, n);
    long long left = end - start + 1;
    if (wanted && !result && !pieces) result = send_file(c, path, start, left);
    if (wanted && !result && pieces) {
        char piece[PATH_MAX];
        long long length, from;
        while (left > 0 && !result && fscanf(pieces, "%lld %lld %4095s", &length, &from, piece) == 3) {
            if (start < length) {
                long long now = length - start < left ? length - start : left;
                result = send_file(c, piece, from + start, now);
                left -= now, start = 0;
            } else start -= length;
        }
        if (left) result = -1;
    }
    if (pieces) fclose(pieces);
    cork = 0;
    if (wanted && !c->ssl) setsockopt(c->fd, IPPROTO_TCP, TCP_CORK, &cork, sizeof cork);
    return result;
}

/* Whether the document at the end of an upload that was begun with CRC32C has the checksum of each part. */
static int all_summed(const char *document, const char *upload, char *why, size_t size) {
    for (const char *at = document; (at = strstr(at, "<Part>")); at++) {
        char part[PATH_MAX], sum[32], given[32] = "";
        const char *end = strstr(at, "</Part>"), *number = strstr(at, "<PartNumber>"), *told = strstr(at, "<ChecksumCRC32C>");
        if (!end || !number || number > end) return snprintf(why, size, "MalformedXML"), 0;
        if (told && told < end) sscanf(told + 16, "%31[^<]", given);
        if (!*given)
            return snprintf(why, size, "The upload was created using a crc32c checksum. The complete request must include the "
                            "checksum for each part. It was missing for part %d in the request.", atoi(number + 12)), 0;
        snprintf(part, sizeof part, "%s/.uploads/%s/%d", root, upload, atoi(number + 12));
        if (strcmp(sum_of(part, sum, sizeof sum), given)) return snprintf(why, size, "InvalidPart"), 0;
    }
    return 1;
}

static int complete(Connection *c, char *path, const char *upload) {
    char listed[PATH_MAX + 64], part[PATH_MAX + 96], body[512], etag[96], state[16], why[256];
    struct stat facts;
    long long total = 0;
    char *document = whole_body(c);
    if (!document) return -1;
    int known = state_of(upload, state, sizeof state) != NULL;
    int told = !known || !strcmp(state, "plain") || all_summed(document, upload, why, sizeof why);
    free(document);
    if (!known) return failed(c, 404, "NoSuchUpload");
    if (!told) return explained(c, 400, strcmp(why, "InvalidPart") ? "InvalidRequest" : why, why);
    int number;
    for (number = 1; snprintf(part, sizeof part, "%s/.uploads/%s/%d", root, upload, number), !stat(part, &facts); number++)
        total += size_of(part, &facts, NULL);
    snprintf(listed, sizeof listed, "%s/.uploads/%s/list", root, upload);
    FILE *list = number > 1 ? begin_list(listed, total) : NULL;
    if (!list) return failed(c, 404, "NoSuchUpload");
    for (int i = 1; i < number; i++) {
        snprintf(part, sizeof part, "%s/.uploads/%s/%d", root, upload, i);
        if (!stat(part, &facts)) add_pieces(list, part, &facts, 0, size_of(part, &facts, NULL));
    }
    fclose(list);
    if (stat(listed, &facts)) return refused(c, 500);
    int status = place(c, listed, path);
    if (status) return refused(c, status);
    set_state(upload, "over");
    etag_of(&facts, etag);
    snprintf(body, sizeof body,
             "<?xml version=\"1.0\"?><CompleteMultipartUploadResult><ETag>\"%s\"</ETag></CompleteMultipartUploadResult>",
             etag);
    return answer(c, 200, "Content-Type: application/xml\r\n", body);
}

static int list_parts(Connection *c, const char *upload) {
    char part[PATH_MAX], state[16], text[16], etag[96], sum[32], *body = NULL;
    size_t size = 0;
    struct stat facts;
    if (!state_of(upload, state, sizeof state)) return failed(c, 404, "NoSuchUpload");
    int number = parameter(c, "part-number-marker", text, sizeof text) ? atoi(text) : 0;
    int most = parameter(c, "max-parts", text, sizeof text) ? atoi(text) : 1000, count = 0, last = number;
    FILE *out = open_memstream(&body, &size);
    fprintf(out, "<?xml version=\"1.0\"?><ListPartsResult><UploadId>%s</UploadId>", upload);
    if (strcmp(state, "plain"))
        fprintf(out, "<ChecksumAlgorithm>%s</ChecksumAlgorithm><ChecksumType>COMPOSITE</ChecksumType>", state);
    while (++number <= 10000) {
        snprintf(part, sizeof part, "%s/.uploads/%s/%d", root, upload, number);
        if (stat(part, &facts)) continue;
        if (count++ == most) break;
        etag_of(&facts, etag);
        fprintf(out, "<Part><PartNumber>%d</PartNumber><ETag>&quot;%s&quot;</ETag><Size>%lld</Size>", last = number, etag,
                size_of(part, &facts, NULL));
        if (*sum_of(part, sum, sizeof sum)) fprintf(out, "<ChecksumCRC32C>%s</ChecksumCRC32C>", sum);
        fprintf(out, "</Part>");
    }
    fprintf(out, "<NextPartNumberMarker>%d</NextPartNumberMarker><IsTruncated>%s</IsTruncated></ListPartsResult>", last,
            count > most ? "true" : "false");
    fclose(out);
    int result = answer(c, 200, "Content-Type: application/xml\r\n", body);
    free(body);
    return result;
}

typedef struct {
    char **keys;
    size_t count, room;
} Keys;

static int by_key(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

static void add_key(Keys *keys, const char *key) {
    if (keys->count == keys->room)
        keys->keys = realloc(keys->keys, (keys->room = keys->room * 2 + 1024) * sizeof *keys->keys);
    keys->keys[keys->count++] = strdup(key);
}

/* Whether `key`, or anything below it where it is a directory, may begin with `prefix` and come after `after`. */
static int counts(const char *key, const char *prefix, const char *after) {
    size_t length = strlen(key), wanted = strlen(prefix);
    if (key[length - 1] != '/') return !strncmp(key, prefix, wanted) && strcmp(key, after) > 0;
    return !strncmp(key, prefix, length < wanted ? length : wanted) && strncmp(key, after, length) >= 0;
}

/* Adds the next `most` keys in order, or few more: a directory is read only when its turn comes. */
static void walk(const char *bucket, const char *under, const char *prefix, const char *after, size_t most, Keys *found) {
    char path[PATH_MAX * 2], key[PATH_MAX];
    Keys here = {0};
    snprintf(path, sizeof path, "%s/%s", bucket, under);
    DIR *directory = opendir(path);
    for (struct dirent *entry; directory && (entry = readdir(directory));) {
        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..")) continue;
        snprintf(key, sizeof key, "%s%s%s", under, entry->d_name, entry->d_type == DT_DIR ? "/" : "");
        if (counts(key, prefix, after)) add_key(&here, key);
    }
    if (directory) closedir(directory);
    if (here.count) qsort(here.keys, here.count, sizeof *here.keys, by_key);
    for (size_t i = 0; i < here.count; i++) {
        int is_directory = here.keys[i][strlen(here.keys[i]) - 1] == '/';
        if (found->count < most && is_directory) walk(bucket, here.keys[i], prefix, after, most, found);
        else if (found->count < most) add_key(found, here.keys[i]);
        free(here.keys[i]);
    }
    free(here.keys);
}

static void escaped(FILE *out, const char *text) {
    for (; *text; text++)
        if (strchr("&<>\"", *text)) fprintf(out, "&#%d;", *text);
        else fputc(*text, out);
}

static int list(Connection *c, const char *bucket, const char *name) {
    char prefix[PATH_MAX] = "", after[PATH_MAX] = "", delimiter[8] = "", most_text[16] = "1000", path[PATH_MAX * 2];
    parameter(c, "prefix", prefix, sizeof prefix);
    parameter(c, "delimiter", delimiter, sizeof delimiter);
    parameter(c, "max-keys", most_text, sizeof most_text);
    if (!parameter(c, "continuation-token", after, sizeof after)) parameter(c, "start-after", after, sizeof after);
    Keys found = {0};
    char *body = NULL, last[PATH_MAX] = "", group[PATH_MAX] = "";
    size_t size = 0;
    int count = 0, most = atoi(most_text), more = 0;
    walk(bucket, "", prefix, after, *delimiter ? SIZE_MAX : (size_t)most + 1, &found);
    FILE *out = open_memstream(&body, &size);
    fprintf(out, "<?xml version=\"1.0\"?><ListBucketResult><Name>%s</Name><MaxKeys>%d</MaxKeys><Prefix>", name, most);
    escaped(out, prefix);
    fprintf(out, "</Prefix>");
    for (size_t i = 0; i < found.count; i++) {
        char *key = found.keys[i], *slash = *delimiter ? strstr(key + strlen(prefix), delimiter) : NULL, when[64], etag[96];
        struct stat facts;
        if (strcmp(key, after) <= 0) continue;
        if (*group && !strncmp(key, group, strlen(group))) continue;
        if (count == most) {
            more = 1;
            break;
        }
        snprintf(last, sizeof last, "%s", key);
        if (slash) {
            snprintf(group, sizeof group, "%.*s", (int)(slash - key + 1), key);
            snprintf(last, sizeof last, "%s\xf4\x8f\xbf\xbd", group);
            fprintf(out, "<CommonPrefixes><Prefix>");
            escaped(out, group);
            fprintf(out, "</Prefix></CommonPrefixes>");
            count++;
            continue;
        }
        snprintf(path, sizeof path, "%s/%s", bucket, key);
        if (stat(path, &facts)) continue;
        struct tm broken;
        strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%S.000Z", gmtime_r(&facts.st_mtime, &broken));
        etag_of(&facts, etag);
        fprintf(out, "<Contents><Key>");
        escaped(out, key);
        fprintf(out, "</Key><LastModified>%s</LastModified><ETag>&#34;%s&#34;</ETag><Size>%lld</Size></Contents>", when,
                etag, size_of(path, &facts, NULL));
        count++;
    }
    fprintf(out, "<KeyCount>%d</KeyCount><IsTruncated>%s</IsTruncated>", count, more ? "true" : "false");
    if (more) {
        fprintf(out, "<NextContinuationToken>");
        escaped(out, last);
        fprintf(out, "</NextContinuationToken>");
    }
    fprintf(out, "</ListBucketResult>");
    fclose(out);
    int result = answer(c, 200, "Content-Type: application/xml\r\n", body);
    for (size_t i = 0; i < found.count; i++) free(found.keys[i]);
    free(found.keys);
    free(body);
    return result;
}

static int delete_many(Connection *c, const char *bucket) {
    char *body = whole_body(c), *at = body, path[PATH_MAX * 2];
    if (!body) return -1;
    while ((at = strstr(at, "<Key>"))) {
        at += 5;
        snprintf(path, sizeof path, "%s/%.*s", bucket, (int)strcspn(at, "<"), at);
        unlink(path);
    }
    free(body);
    return answer(c, 200, "Content-Type: application/xml\r\n", "<?xml version=\"1.0\"?><DeleteResult></DeleteResult>");
}

static int delete(Connection *c, const char *path) {
    struct stat facts;
    pthread_mutex_lock(&judging);
    int met = !*c->if_match || (!stat(path, &facts) && matches(c->if_match, &facts));
    if (met) unlink(path);
    pthread_mutex_unlock(&judging);
    return met ? answer(c, 204, "", "") : refused(c, 412);
}

static int serve(Connection *c) {
    char path[PATH_MAX * 2], bucket[PATH_MAX], upload[64], number[16], part[PATH_MAX], body[512];
    struct stat facts;
    if (delay_ms) {
        struct timespec pause = {delay_ms / 1000, delay_ms % 1000 * 1000000};
        nanosleep(&pause, NULL);
    }
    snprintf(path, sizeof path, "%s%s", root, c->path);
    size_t name = strcspn(c->path + 1, "/");
    snprintf(bucket, sizeof bucket, "%s/%.*s", root, (int)name, c->path + 1);
    int whole = !c->path[1 + name] || !c->path[2 + name];
    if (strstr(c->path, "/../")) return failed(c, 400, "InvalidURI");
    if (whole && !strcmp(c->method, "PUT")) return mkdir(bucket, 0777), read_body(c, -1) || answer(c, 200, "", "");
    if (!c->path[1] || (whole && stat(bucket, &facts))) return failed(c, 404, "NoSuchBucket");
    if (whole && !strcmp(c->method, "POST")) return delete_many(c, bucket);
    if (whole && !strcmp(c->method, "HEAD")) return answer(c, 200, "", "");
    if (whole && parameter(c, "location", body, sizeof body))
        return answer(c, 200, "", "<LocationConstraint xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"/>");
    if (whole && parameter(c, "versioning", body, sizeof body)) return answer(c, 200, "", "<VersioningConfiguration/>");
    if (whole && parameter(c, "object-lock", body, sizeof body))
        return failed(c, 404, "ObjectLockConfigurationNotFoundError");
    if (whole) return list(c, bucket, bucket + strlen(root) + 1);
    const char *under = parameter(c, "uploadId", upload, sizeof upload);
    if (under && strchr(under, '/')) return failed(c, 400, "InvalidArgument");
    if (!strcmp(c->method, "POST") && under) return complete(c, path, upload);
    if (!strcmp(c->method, "POST")) {
        if (read_body(c, -1)) return -1;
        sprintf(upload, "u%ld", __sync_add_and_fetch(&counter, 1));
        snprintf(part, sizeof part, "%s/.uploads/%s", root, upload);
        mkdir(part, 0777);
        int summed = !strcmp(c->algorithm, "CRC32C");
        if (*c->algorithm && !summed) return failed(c, 501, "NotImplemented");
        set_state(upload, summed ? "CRC32C" : "plain");
        snprintf(body, sizeof body,
                 "<?xml version=\"1.0\"?><InitiateMultipartUploadResult><Bucket>b</Bucket><Key>k</Key>"
                 "<UploadId>%s</UploadId></InitiateMultipartUploadResult>",
                 upload);
        return answer(c, 200, summed ? "Content-Type: application/xml\r\nx-amz-checksum-algorithm: CRC32C\r\n"
                                       "x-amz-checksum-type: COMPOSITE\r\n"
                                     : "Content-Type: application/xml\r\n", body);
    }
    if (!strcmp(c->method, "PUT")) {
        int is_part = under && parameter(c, "partNumber", number, sizeof number);
        if (is_part) snprintf(part, sizeof part, "%s/.uploads/%s/%d", root, upload, atoi(number));
        if (!*c->copy_source || c->length) return is_part ? put_part(c, upload, number) : put(c, path, 0);
        const char *state = is_part ? state_of(upload, body, sizeof body) : "plain";
        if (!state) return failed(c, 404, "NoSuchUpload");
        return strcmp(state, "plain") ? failed(c, 501, "NotImplemented") : copy(c, path, is_part ? part : NULL);
    }
    if (!strcmp(c->method, "DELETE")) {
        if (under) set_state(upload, "over");
        return under ? answer(c, 204, "", "") : delete(c, path);
    }
    return under ? list_parts(c, upload) : get(c, path);
}

static void *attend(void *given) {
    Connection *c = calloc(1, sizeof *c);
    int one = 1;
    c->fd = (int)(long)given;
    c->buffer = malloc(BUFFER);
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (tls) {
        c->ssl = SSL_new(tls);
        SSL_set_fd(c->ssl, c->fd);
    }
    if (!c->ssl || SSL_accept(c->ssl) == 1)
        while (!read_head(c) && !serve(c) && !c->close) {}
    if (c->ssl) SSL_free(c->ssl);
    close(c->fd);
    free(c->buffer);
    free(c);
    return NULL;
}

int main(int count, char **words) {
    if (count < 3) return 2;
    signal(SIGPIPE, SIG_IGN);
    root = words[1];
    make_tables();
    counter = (long)time(NULL) << 20;
    if (count > 4 && words[3][0]) {
        tls = SSL_CTX_new(TLS_server_method());
        SSL_CTX_set_mode(tls, SSL_MODE_AUTO_RETRY);
        if (SSL_CTX_use_certificate_chain_file(tls, words[3]) != 1 ||
            SSL_CTX_use_PrivateKey_file(tls, words[4], SSL_FILETYPE_PEM) != 1)
            return 3;
    }
    if (count > 5) delay_ms = atol(words[5]);
    char uploads[PATH_MAX];
    snprintf(uploads, sizeof uploads, "%s/.uploads", root);
    mkdir(uploads, 0777);
    int one = 1, server = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(atoi(words[2]))};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(server, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(server, (struct sockaddr *)&address, sizeof address) || listen(server, 1024)) return 4;
    pthread_attr_t detached;
    pthread_attr_init(&detached);
    pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&detached, 512 << 10);
    for (int fd; (fd = accept(server, NULL, NULL)) >= 0 || errno == EINTR || errno == ECONNABORTED;) {
        pthread_t thread;
        if (fd >= 0 && pthread_create(&thread, &detached, attend, (void *)(long)fd)) close(fd);
    }
    return 5;
}
