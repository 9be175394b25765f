/* A stand-in for libnvidia-ml.so.1 that describes the machine given in environment variables.
 *
 *   NVML_STUB_INIT     return code of nvmlInitWithFlags (0)
 *   NVML_STUB_DRIVER   driver version
 *   NVML_STUB_CUDA     CUDA version as NVML encodes it, 13040 for 13.4
 *   NVML_STUB_GPUS     one line per GPU: name|uuid|bus id|pci device id|major|minor|MiB|mig|instances
 *                      (mig: 0 off, 1 on, - not supported; MiB - not supported)
 *   NVML_STUB_FAIL     lines of function=code, or function@index=code for one GPU
 *   NVML_STUB_MISBEHAVE  "hang" or "crash" in nvmlInitWithFlags
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { NOT_SUPPORTED = 3, NOT_FOUND = 6, INVALID_ARGUMENT = 2, FIELDS = 9, WIDTH = 128, MOST = 16 };

typedef struct {
    char busIdLegacy[16];
    unsigned domain, bus, device, pciDeviceId, pciSubSystemId;
    char busId[32];
} pci_info;

typedef struct {
    unsigned long long total, free, used;
} memory_info;

static char gpus[MOST][FIELDS][WIDTH];
static int count;

static int failure(const char *function, long index) {
    const char *text = getenv("NVML_STUB_FAIL");
    char wanted[WIDTH];
    if (!text) return 0;
    if (index >= 0) {
        snprintf(wanted, sizeof wanted, "%s@%ld=", function, index);
        const char *found = strstr(text, wanted);
        if (found) return atoi(found + strlen(wanted));
    }
    snprintf(wanted, sizeof wanted, "%s=", function);
    const char *found = strstr(text, wanted);
    return found ? atoi(found + strlen(wanted)) : 0;
}

static void read_machine(void) {
    const char *text = getenv("NVML_STUB_GPUS");
    count = 0;
    while (text && *text && count < MOST) {
        for (int field = 0; field < FIELDS; field++) {
            size_t length = strcspn(text, "|\n");
            snprintf(gpus[count][field], WIDTH, "%.*s", (int)length, text);
            text += length;
            if (*text == '|') text++;
        }
        if (*text == '\n') text++;
        count++;
    }
}

/* A handle is the GPU's position plus one, so that none is null; MIG devices start at 1000. */
static long position(void *handle) { return (long)handle - 1; }

#define CHECK(name, index)                    \
    do {                                      \
        int code = failure(name, index);      \
        if (code) return code;                \
    } while (0)

int nvmlInitWithFlags(unsigned flags) {
    const char *how = getenv("NVML_STUB_MISBEHAVE");
    const char *code = getenv("NVML_STUB_INIT");
    (void)flags;
    if (how && !strcmp(how, "hang")) for (;;) pause();
    if (how && !strcmp(how, "crash")) raise(SIGSEGV);
    read_machine();
    return code ? atoi(code) : 0;
}

int nvmlShutdown(void) { return 0; }

const char *nvmlErrorString(int code) {
    static char text[WIDTH];
    snprintf(text, sizeof text, "stub error %d", code);
    return text;
}

int nvmlSystemGetDriverVersion(char *version, unsigned length) {
    const char *value = getenv("NVML_STUB_DRIVER");
    CHECK("nvmlSystemGetDriverVersion", -1);
    snprintf(version, length, "%s", value ? value : "");
    return 0;
}

int nvmlSystemGetCudaDriverVersion(int *version) {
    const char *value = getenv("NVML_STUB_CUDA");
    CHECK("nvmlSystemGetCudaDriverVersion", -1);
    *version = value ? atoi(value) : 0;
    return 0;
}

int nvmlDeviceGetCount_v2(unsigned *number) {
    CHECK("nvmlDeviceGetCount", -1);
    *number = (unsigned)count;
    return 0;
}

int nvmlDeviceGetHandleByIndex_v2(unsigned index, void **handle) {
    CHECK("nvmlDeviceGetHandleByIndex", index);
    if ((int)index >= count) return INVALID_ARGUMENT;
    *handle = (void *)(long)(index + 1);
    return 0;
}

int nvmlDeviceGetName(void *handle, char *name, unsigned length) {
    CHECK("nvmlDeviceGetName", position(handle));
    snprintf(name, length, "%s", gpus[position(handle)][0]);
    return 0;
}

int nvmlDeviceGetUUID(void *handle, char *uuid, unsigned length) {
    CHECK("nvmlDeviceGetUUID", position(handle));
    snprintf(uuid, length, "%s", gpus[position(handle)][1]);
    return 0;
}

int nvmlDeviceGetPciInfo_v3(void *handle, pci_info *info) {
    CHECK("nvmlDeviceGetPciInfo", position(handle));
    memset(info, 0, sizeof *info);
    snprintf(info->busId, sizeof info->busId, "%s", gpus[position(handle)][2]);
    info->pciDeviceId = (unsigned)strtoul(gpus[position(handle)][3], NULL, 16);
    return 0;
}

int nvmlDeviceGetCudaComputeCapability(void *handle, int *major, int *minor) {
    CHECK("nvmlDeviceGetCudaComputeCapability", position(handle));
    *major = atoi(gpus[position(handle)][4]);
    *minor = atoi(gpus[position(handle)][5]);
    return 0;
}

int nvmlDeviceGetMemoryInfo(void *handle, memory_info *memory) {
    CHECK("nvmlDeviceGetMemoryInfo", position(handle));
    if (gpus[position(handle)][6][0] == '-') return NOT_SUPPORTED;
    memory->total = strtoull(gpus[position(handle)][6], NULL, 10) * 1024 * 1024;
    memory->free = memory->total;
    memory->used = 0;
    return 0;
}

int nvmlDeviceGetMigMode(void *handle, unsigned *current, unsigned *pending) {
    CHECK("nvmlDeviceGetMigMode", position(handle));
    if (gpus[position(handle)][7][0] == '-') return NOT_SUPPORTED;
    *current = *pending = (unsigned)atoi(gpus[position(handle)][7]);
    return 0;
}

int nvmlDeviceGetComputeMode(void *handle, unsigned *mode) {
    const char *value = getenv("NVML_STUB_COMPUTE_MODE");
    CHECK("nvmlDeviceGetComputeMode", position(handle));
    *mode = value ? (unsigned)atoi(value) : 0;
    return 0;
}

int nvmlDeviceGetMaxMigDeviceCount(void *handle, unsigned *number) {
    CHECK("nvmlDeviceGetMaxMigDeviceCount", position(handle));
    *number = 7;
    return 0;
}

int nvmlDeviceGetMigDeviceHandleByIndex(void *handle, unsigned index, void **mig) {
    CHECK("nvmlDeviceGetMigDeviceHandleByIndex", position(handle));
    if ((int)index >= atoi(gpus[position(handle)][8])) return NOT_FOUND;
    *mig = (void *)(long)(1000 + index);
    return 0;
}
