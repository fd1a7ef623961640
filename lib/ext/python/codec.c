/* codec.c - the type Codec: one record at a time, and many by several threads.
 *
 * A Codec may be used by any number of threads of Python: each call takes a codec of liblp from
 * the idle ones, or makes one. Python's lock guards the list, and is released while liblp works,
 * unless that is brief. */
#include "ext/python/module.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* A codec of liblp, with what its interrupt needs. */
struct handle {
    struct lp_codec *codec;
    PyThreadState *state; /* of the call, NULL in other threads */
    struct handle *next;
};

typedef struct {
    PyObject_HEAD struct lp_options options;
    PyObject *parent; /* a text in bytes, or NULL */
    struct handle *idle;
} Codec;

/* What is done with a value. */
enum operation {
    PACK,
    UNPACK,
    UNPACK_BYTES,
    COUNT,
    COUNT_PACKED,
    ENCODE,
    IDS,
    SLICE,
    LOPACE_PACK,
    LOPACE_UNPACK
};

/* What it is done with, and what came of it. */
struct job {
    enum operation operation;
    Py_ssize_t from, to; /* SLICE: tokens, from the end if negative */
    enum lp_lopace kind; /* LOPACE_PACK, LOPACE_UNPACK */
    const char *in;
    size_t nin;
    const void *out; /* text, a blob, or uint32_t ids; the codec's */
    size_t n;
    enum lp_status status;
};

/* --- Handles ------------------------------------------------------------------------------ */

static void handle_free(struct handle *h)
{
    lp_codec_free(h->codec);
    free(h);
}

static enum lp_status handle_new(const Codec *self, struct handle **out)
{
    struct handle *h = calloc(1, sizeof *h);
    if (h == NULL)
        return LP_NOMEM;
    struct lp_options options = self->options;
    options.interrupt = module_interrupted;
    options.interrupt_ctx = &h->state;
    enum lp_status status = lp_codec_new(&options, &h->codec);
    if (status == LP_OK && self->parent != NULL) {
        char *text;
        Py_ssize_t n;
        PyBytes_AsStringAndSize(self->parent, &text, &n);
        status = lp_codec_parent(h->codec, text, (size_t)n);
    }
    *out = h;
    if (status != LP_OK)
        handle_free(h);
    return status;
}

/* NULL: an exception is set. */
static struct handle *handle_take(Codec *self)
{
    struct handle *h = self->idle;
    if (h != NULL) {
        self->idle = h->next;
        return h;
    }
    enum lp_status status = handle_new(self, &h);
    if (status == LP_OK)
        return h;
    module_raise(status, NULL, "");
    return NULL;
}

static void handle_give(Codec *self, struct handle *h)
{
    h->next = self->idle;
    self->idle = h;
}

/* --- Work, without Python's lock ------------------------------------------------------------ */

static enum lp_status slice(const Codec *self, struct lp_codec *codec, struct job *job)
{
    const struct lp_vocab *vocab = self->options.vocab;
    const uint32_t *ids;
    size_t n;
    enum lp_status status = lp_encode(codec, job->in, job->nin, &ids, &n);
    if (status != LP_OK)
        return status;
    const size_t from = lp_ids_slice_end(vocab, ids, n, job->from);
    const size_t to = lp_ids_slice_end(vocab, ids, n, job->to);
    return lp_decode(codec, ids + from, to > from ? to - from : 0, &job->out, &job->n);
}

/* Whether a blob has the tokens of the codec's encoding. */
static bool has_tokens(const Codec *self, const struct job *job)
{
    struct lp_blob_info info;
    return self->options.vocab != NULL && lp_blob_info(job->in, job->nin, &info) == LP_OK &&
           strcmp(info.vocab, lp_vocab_name(self->options.vocab)) == 0;
}

/* The ids of a blob, by the codec's encoding whatever its own is; only their number for
 * COUNT_PACKED. */
static enum lp_status ids_of(const Codec *self, struct lp_codec *codec, struct job *job)
{
    if (has_tokens(self, job))
        return job->operation == COUNT_PACKED
                   ? lp_blob_count(codec, job->in, job->nin, module_find, NULL, &job->n)
                   : lp_unpack_ids(codec, job->in, job->nin, module_find, NULL,
                                   (const uint32_t **)&job->out, &job->n);
    const void *text;
    size_t n;
    enum lp_status status = lp_unpack(codec, job->in, job->nin, module_find, NULL, &text, &n);
    void *copy = status == LP_OK ? malloc(n + 1) : NULL;
    if (status == LP_OK && copy == NULL)
        status = LP_NOMEM;
    if (status == LP_OK) {
        memcpy(copy, text, n);
        status = lp_encode(codec, copy, n, (const uint32_t **)&job->out, &job->n);
    }
    free(copy);
    return status;
}

static void work(const Codec *self, struct handle *h, struct job *job)
{
    struct lp_codec *codec = h->codec;
    switch (job->operation) {
    case PACK:
        job->status = lp_pack(codec, job->in, job->nin, &job->out, &job->n);
        break;
    case UNPACK:
    case UNPACK_BYTES:
        job->status = lp_unpack(codec, job->in, job->nin, module_find, NULL, &job->out, &job->n);
        break;
    case COUNT:
        job->status = lp_count(codec, job->in, job->nin, &job->n);
        break;
    case ENCODE:
        job->status = lp_encode(codec, job->in, job->nin, (const uint32_t **)&job->out, &job->n);
        break;
    case COUNT_PACKED:
    case IDS:
        job->status = ids_of(self, codec, job);
        break;
    case SLICE:
        job->status = slice(self, codec, job);
        break;
    case LOPACE_PACK:
        job->status = lp_lopace_pack(codec, job->kind, job->in, job->nin, &job->out, &job->n);
        break;
    case LOPACE_UNPACK:
        job->status = lp_lopace_unpack(codec, job->kind, job->in, job->nin,
                                       (size_t)LP_MEMORY_DEFAULT, &job->out, &job->n);
        break;
    }
}

/* --- Results ------------------------------------------------------------------------------- */

static PyObject *list_of_ids(const uint32_t *ids, size_t n)
{
    PyObject *list = PyList_New((Py_ssize_t)n);
    for (size_t i = 0; list != NULL && i < n; i++) {
        PyObject *id = PyLong_FromUnsignedLong(ids[i]);
        if (id == NULL || PyList_SetItem(list, (Py_ssize_t)i, id) != 0)
            Py_CLEAR(list);
    }
    return list;
}

/* The object of what came of a job, which is at out. */
static PyObject *result(const struct job *job, const void *out)
{
    switch (job->operation) {
    case PACK:
    case UNPACK_BYTES:
    case LOPACE_PACK:
        return PyBytes_FromStringAndSize(out, (Py_ssize_t)job->n);
    case UNPACK:
    case SLICE:
    case LOPACE_UNPACK:
        return PyUnicode_DecodeUTF8(job->n > 0 ? out : "", (Py_ssize_t)job->n, "strict");
    case COUNT:
    case COUNT_PACKED:
        return PyLong_FromSize_t(job->n);
    default:
        return list_of_ids(out, job->n);
    }
}

/* The bytes at out that a batch has to keep. */
static size_t nbytes_of(const struct job *job)
{
    if (job->operation == COUNT || job->operation == COUNT_PACKED)
        return 0;
    return job->operation == ENCODE || job->operation == IDS ? job->n * sizeof(uint32_t) : job->n;
}

/* Whether a job takes some microseconds only, so that to give up Python's lock and to get it back
 * would take a tenth of that, or milliseconds where others want it. */
static bool is_brief(const Codec *self, const struct job *job)
{
    enum { BRIEF = 2048 };
    if (job->nin > BRIEF)
        return false;
    switch (job->operation) {
    case COUNT:
    case ENCODE:
    case SLICE:
    case LOPACE_UNPACK:
        return true;
    case UNPACK:
    case UNPACK_BYTES:
        return self->options.chain != LP_CHAIN_TOKENS_MIX;
    default:
        return false;
    }
}

static void work_unlocked(const Codec *self, struct handle *h, struct job *job)
{
    h->state = PyEval_SaveThread();
    work(self, h, job);
    PyEval_RestoreThread(h->state);
    h->state = NULL;
}

/* Does a job with an argument. */
static PyObject *run(Codec *self, PyObject *value, struct job job)
{
    struct text text;
    if (!text_hold(value, &text))
        return NULL;
    job.in = text.p;
    job.nin = text.n;
    struct handle *h = handle_take(self);
    PyObject *object = NULL;
    if (h != NULL) {
        if (is_brief(self, &job))
            work(self, h, &job);
        else
            work_unlocked(self, h, &job);
        object = job.status == LP_OK ? result(&job, job.out)
                                     : module_raise(job.status, lp_codec_need(h->codec), "");
        handle_give(self, h);
    }
    text_release(&text);
    return object;
}

/* --- Many at once ----------------------------------------------------------------------------- */

enum { TOGETHER = 512, THREADS_MAX = 256 }; /* values that are held at once */

struct item {
    struct text text;
    struct job job;
    void *copy; /* of what came of it */
};

struct batch {
    const Codec *self;
    struct item *items;
    size_t n;
    struct handle **handles;
    pthread_mutex_t lock;
    size_t nhandles, taken, next; /* under the lock */
};

static void *batch_work(void *ctx)
{
    struct batch *b = ctx;
    pthread_mutex_lock(&b->lock);
    struct handle *h = b->handles[b->taken++];
    while (b->next < b->n) {
        struct item *item = &b->items[b->next++];
        pthread_mutex_unlock(&b->lock);
        work(b->self, h, &item->job);
        const size_t nbytes = item->job.status == LP_OK ? nbytes_of(&item->job) : 0;
        item->copy = malloc(nbytes + 1);
        if (item->copy == NULL)
            item->job.status = LP_NOMEM;
        else if (nbytes > 0)
            memcpy(item->copy, item->job.out, nbytes);
        pthread_mutex_lock(&b->lock);
    }
    pthread_mutex_unlock(&b->lock);
    return NULL;
}

/* Does all items in the threads that there are handles for, the caller's among them. */
static void batch_run(struct batch *b)
{
    pthread_t threads[THREADS_MAX];
    size_t nthreads = 0;
    while (nthreads + 1 < b->nhandles &&
           pthread_create(&threads[nthreads], NULL, batch_work, b) == 0)
        nthreads++;
    batch_work(b);
    while (nthreads > 0)
        pthread_join(threads[--nthreads], NULL);
}

/* Raises what an item failed with. Its need is known by doing it again, where that fails again. */
static void raise_item(Codec *self, struct handle *h, struct item *item, Py_ssize_t index)
{
    const enum lp_status status = item->job.status;
    char what[40];
    snprintf(what, sizeof what, "item %zd: ", index);
    work(self, h, &item->job);
    module_raise(status, item->job.status == status ? lp_codec_need(h->codec) : NULL, what);
}

/* Appends the results of a batch to a list. */
static bool append_results(struct batch *b, Codec *self, PyObject *list, Py_ssize_t first)
{
    for (size_t i = 0; i < b->n; i++) {
        struct item *item = &b->items[i];
        if (item->job.status != LP_OK) {
            raise_item(self, b->handles[0], item, first + (Py_ssize_t)i);
            return false;
        }
        PyObject *object = result(&item->job, item->copy);
        if (object == NULL || PyList_Append(list, object) != 0) {
            Py_XDECREF(object);
            return false;
        }
        Py_DECREF(object);
    }
    return true;
}

/* Takes up to TOGETHER values of an iterator. False: an exception is set. */
static bool take_values(struct batch *b, PyObject *iterator, struct job job)
{
    PyObject *value;
    b->n = b->next = b->taken = 0;
    while (b->n < TOGETHER && (value = PyIter_Next(iterator)) != NULL) {
        struct item *item = &b->items[b->n];
        *item = (struct item){.job = job};
        const bool held = text_hold(value, &item->text);
        Py_DECREF(value);
        if (!held)
            return false;
        item->job.in = item->text.p;
        item->job.nin = item->text.n;
        b->n++;
    }
    return PyErr_Occurred() == NULL;
}

static void release_values(struct batch *b)
{
    for (size_t i = 0; i < b->n; i++) {
        text_release(&b->items[i].text);
        free(b->items[i].copy);
    }
    b->n = 0;
}

static bool do_all(struct batch *b, Codec *self, PyObject *iterator, struct job job, PyObject *list)
{
    for (Py_ssize_t first = 0;; first += TOGETHER) {
        bool good = take_values(b, iterator, job);
        const size_t n = b->n;
        if (good && n > 0) {
            PyThreadState *state = PyEval_SaveThread();
            batch_run(b);
            PyEval_RestoreThread(state);
            good = append_results(b, self, list, first) && PyErr_CheckSignals() == 0;
        }
        release_values(b);
        if (!good || n < TOGETHER)
            return good;
    }
}

/* many(operation, values, threads): a list with a result for each value. */
static PyObject *many(PyObject *object, PyObject *args)
{
    Codec *self = (Codec *)object;
    int operation;
    PyObject *values;
    Py_ssize_t threads;
    if (!PyArg_ParseTuple(args, "iOn", &operation, &values, &threads))
        return NULL;
    if (threads < 1 || threads > THREADS_MAX || operation < PACK || operation > IDS)
        return PyErr_Format(PyExc_ValueError, "threads must be from 1 to %d", THREADS_MAX);
    struct batch b = {.self = self, .lock = PTHREAD_MUTEX_INITIALIZER};
    PyObject *iterator = PyObject_GetIter(values), *list = PyList_New(0);
    b.items = calloc(TOGETHER, sizeof *b.items);
    b.handles = calloc((size_t)threads, sizeof(struct handle *));
    bool good = iterator != NULL && list != NULL;
    if (b.items == NULL || b.handles == NULL) {
        PyErr_NoMemory();
        good = false;
    }
    while (good && b.nhandles < (size_t)threads) {
        b.handles[b.nhandles] = handle_take(self);
        good = b.handles[b.nhandles] != NULL;
        b.nhandles += good;
    }
    good = good && do_all(&b, self, iterator, (struct job){.operation = operation}, list);
    while (b.nhandles > 0)
        handle_give(self, b.handles[--b.nhandles]);
    free(b.items);
    free(b.handles);
    Py_XDECREF(iterator);
    if (!good)
        Py_CLEAR(list);
    return list;
}

/* --- The type ------------------------------------------------------------------------------ */

static PyObject *pack(PyObject *self, PyObject *text)
{
    return run((Codec *)self, text, (struct job){.operation = PACK});
}

static PyObject *unpack(PyObject *self, PyObject *blob)
{
    return run((Codec *)self, blob, (struct job){.operation = UNPACK});
}

static PyObject *unpack_bytes(PyObject *self, PyObject *blob)
{
    return run((Codec *)self, blob, (struct job){.operation = UNPACK_BYTES});
}

static PyObject *count(PyObject *self, PyObject *text)
{
    return run((Codec *)self, text, (struct job){.operation = COUNT});
}

static PyObject *count_packed(PyObject *self, PyObject *blob)
{
    return run((Codec *)self, blob, (struct job){.operation = COUNT_PACKED});
}

static PyObject *encode(PyObject *self, PyObject *text)
{
    return run((Codec *)self, text, (struct job){.operation = ENCODE});
}

static PyObject *unpack_ids(PyObject *self, PyObject *blob)
{
    return run((Codec *)self, blob, (struct job){.operation = IDS});
}

static PyObject *slice_text(PyObject *self, PyObject *args)
{
    PyObject *text, *from = Py_None, *to = Py_None;
    struct job job = {.operation = SLICE, .to = PY_SSIZE_T_MAX};
    if (!PyArg_ParseTuple(args, "O|OO", &text, &from, &to))
        return NULL;
    if (from != Py_None)
        job.from = PyNumber_AsSsize_t(from, NULL);
    if (to != Py_None)
        job.to = PyNumber_AsSsize_t(to, NULL);
    return PyErr_Occurred() != NULL ? NULL : run((Codec *)self, text, job);
}

static PyObject *lopace(PyObject *self, PyObject *args, enum operation operation)
{
    PyObject *value;
    int kind;
    if (!PyArg_ParseTuple(args, "iO", &kind, &value))
        return NULL;
    return run((Codec *)self, value,
               (struct job){.operation = operation, .kind = (enum lp_lopace)kind});
}

static PyObject *lopace_pack(PyObject *self, PyObject *args)
{
    return lopace(self, args, LOPACE_PACK);
}

static PyObject *lopace_unpack(PyObject *self, PyObject *args)
{
    return lopace(self, args, LOPACE_UNPACK);
}

/* The ids of a sequence, to be freed. NULL: an exception is set. */
static uint32_t *ids_from(PyObject *sequence, size_t *n)
{
    const Py_ssize_t size = PySequence_Size(sequence);
    uint32_t *ids = size < 0 ? NULL : malloc((size_t)size * sizeof *ids + 1);
    if (size >= 0 && ids == NULL)
        PyErr_NoMemory();
    for (Py_ssize_t i = 0; ids != NULL && i < size; i++) {
        PyObject *item = PySequence_GetItem(sequence, i);
        const unsigned long id = item != NULL ? PyLong_AsUnsignedLong(item) : 0;
        Py_XDECREF(item);
        if (PyErr_Occurred() == NULL && id > UINT32_MAX)
            PyErr_Format(PyExc_ValueError, "%lu is no token", id);
        if (PyErr_Occurred() != NULL) {
            free(ids);
            return NULL;
        }
        ids[i] = (uint32_t)id;
    }
    *n = (size_t)size;
    return ids;
}

static PyObject *decode_bytes(PyObject *object, PyObject *sequence)
{
    Codec *self = (Codec *)object;
    const void *text;
    size_t nids, n;
    uint32_t *ids = ids_from(sequence, &nids);
    struct handle *h = ids != NULL ? handle_take(self) : NULL;
    PyObject *result = NULL;
    if (h != NULL) {
        enum lp_status status;
        Py_BEGIN_ALLOW_THREADS status = lp_decode(h->codec, ids, nids, &text, &n);
        Py_END_ALLOW_THREADS result =
            status == LP_OK ? PyBytes_FromStringAndSize(text, (Py_ssize_t)n)
                            : module_raise(status, NULL, "a number that is no token: ");
        handle_give(self, h);
    }
    free(ids);
    return result;
}

static PyObject *codec_new(PyTypeObject *type, PyObject *args, PyObject *keywords)
{
    struct lp_options options;
    PyObject *parent = NULL;
    if (!PyArg_ParseTuple(args, "|S", &parent) || !options_parse(keywords, &options))
        return NULL;
    allocfunc allocate = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
    Codec *self = (Codec *)allocate(type, 0);
    if (self == NULL)
        return NULL;
    self->options = options;
    self->parent = parent;
    Py_XINCREF(parent);
    struct handle *h = handle_take(self); /* so that errors come now */
    if (h == NULL) {
        Py_DECREF(self);
        return NULL;
    }
    handle_give(self, h);
    return (PyObject *)self;
}

static void codec_free(PyObject *object)
{
    Codec *self = (Codec *)object;
    PyTypeObject *type = Py_TYPE(object);
    while (self->idle != NULL) {
        struct handle *h = self->idle;
        self->idle = h->next;
        handle_free(h);
    }
    Py_CLEAR(self->parent);
    ((freefunc)PyType_GetSlot(type, Py_tp_free))(object);
    Py_DECREF(type);
}

static PyMethodDef methods[] = {
    {"pack", pack, METH_O, "pack(text) -> bytes\n\nPacks a text, or bytes, as a blob."},
    {"unpack", unpack, METH_O, "unpack(blob) -> str\n\nRestores the text of a blob."},
    {"unpack_bytes", unpack_bytes, METH_O,
     "unpack_bytes(blob) -> bytes\n\nRestores a text that may not be UTF-8."},
    {"count", count, METH_O, "count(text) -> int\n\nCounts the tokens of a text."},
    {"count_packed", count_packed, METH_O,
     "count_packed(blob) -> int\n\nCounts the tokens of a blob's text, if it was packed by mix\n"
     "or fast in this encoding from its first bytes, which no checksum covers."},
    {"encode", encode, METH_O, "encode(text) -> list[int]\n\nThe token ids of a text."},
    {"unpack_ids", unpack_ids, METH_O,
     "unpack_ids(blob) -> list[int]\n\nThe token ids of a blob's text."},
    {"decode_bytes", decode_bytes, METH_O, "decode_bytes(ids) -> bytes\n\nThe bytes of tokens."},
    {"slice", slice_text, METH_VARARGS,
     "slice(text, start=None, stop=None) -> str\n\nThe tokens from start to before stop, as a\n"
     "slice of a list has them. No character is cut: an end within one moves to where it begins,\n"
     "or, if it is negative, to where the next one begins."},
    {"_lopace_pack", lopace_pack, METH_VARARGS, "LoPace's blob of a kind of a text."},
    {"_lopace_unpack", lopace_unpack, METH_VARARGS, "The text of LoPace's blob of a kind."},
    {"_many", many, METH_VARARGS, "A list of what an operation makes of each value."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot slots[] = {
    {Py_tp_new, codec_new}, {Py_tp_dealloc, codec_free}, {Py_tp_methods, methods}, {0, NULL}};

PyType_Spec codec_spec = {.name = "liblopace._lp.Codec",
                          .basicsize = sizeof(Codec),
                          .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
                          .slots = slots};
