/* A disk that forgets: notes how much of each file was synced, so that a test can take away the rest as a power cut
 * would. Loaded with LD_PRELOAD; beside each file NAME that is synced and whose name begins with FORGETFUL_DISK a file
 * NAME.synced with its size at that moment is kept. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void note(int file) {
    const char *folder = getenv("FORGETFUL_DISK");
    char link[64], path[4096], beside[4200], text[32];
    struct stat facts;
    if (folder == NULL) return;
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length <= 0) return;
    path[length] = 0;
    if (strncmp(path, folder, strlen(folder)) != 0 || fstat(file, &facts) != 0 || !S_ISREG(facts.st_mode)) return;
    snprintf(beside, sizeof beside, "%s.synced", path);
    int out = open(beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (out < 0) return;
    int size = snprintf(text, sizeof text, "%lld\n", (long long)facts.st_size);
    if (write(out, text, size) != size) abort();
    close(out);
}

int fdatasync(int file) {
    int (*real)(int) = dlsym(RTLD_NEXT, "fdatasync");
    int answer = real(file);
    if (answer == 0) note(file);
    return answer;
}

int fsync(int file) {
    int (*real)(int) = dlsym(RTLD_NEXT, "fsync");
    int answer = real(file);
    if (answer == 0) note(file);
    return answer;
}
