/* stream.c - the types Writer, Reader and File: streams pushed in pieces, and read by record.
 *
 * A handle of liblp serves one thread at a time: a second one that calls gets an exception. */
#include "ext/python/module.h"
#include "ext/shared/read_at.h"

#include <stdlib.h>

typedef struct {
    PyObject_HEAD struct lp_writer *writer;
    struct lp_reader *reader;
    struct lp_file *file;
    int fd;             /* of file */
    struct bytes bytes; /* what has come out */
    PyThreadState *state;
    bool busy;
    enum lp_status failed; /* after that a writer or reader is of no use */
} Stream;

enum action { PUSH, END_RECORD, FINISH };

static enum lp_status act(Stream *s, enum action action, const struct text *text)
{
    if (s->writer != NULL)
        return action == PUSH         ? lp_writer_push(s->writer, text->p, text->n)
               : action == END_RECORD ? lp_writer_end_record(s->writer)
                                      : lp_writer_finish(s->writer);
    return action == PUSH ? lp_reader_push(s->reader, text->p, text->n)
                          : lp_reader_finish(s->reader);
}

static bool begin(Stream *s)
{
    if (s->busy)
        PyErr_SetString(PyExc_RuntimeError, "in use by another thread");
    else if (s->failed != LP_OK)
        module_raise(s->failed, NULL, "failed before: ");
    else
        s->busy = true;
    return PyErr_Occurred() == NULL;
}

static PyObject *end(Stream *s, enum lp_status status)
{
    s->busy = false;
    if (status == LP_OK) {
        PyObject *bytes = bytes_take(&s->bytes);
        if (bytes == NULL)
            s->failed = LP_NOMEM; /* what came out is lost */
        return bytes;
    }
    s->failed = status;
    const struct lp_need *need = s->reader != NULL ? lp_reader_need(s->reader) : NULL;
    char what[48] = "";
    if (s->reader != NULL && status != LP_IO && status != LP_NOMEM)
        snprintf(what, sizeof what,
                 "at byte %llu: ", (unsigned long long)lp_reader_offset(s->reader));
    return module_raise(status, need, what);
}

static PyObject *perform(Stream *s, enum action action, const struct text *text)
{
    enum lp_status status;
    if (!begin(s))
        return NULL;
    s->state = PyEval_SaveThread();
    status = act(s, action, text);
    PyEval_RestoreThread(s->state);
    s->state = NULL;
    return end(s, status);
}

static PyObject *push(PyObject *self, PyObject *data)
{
    struct text text;
    if (!text_hold(data, &text))
        return NULL;
    PyObject *result = perform((Stream *)self, PUSH, &text);
    text_release(&text);
    return result;
}

static PyObject *end_record(PyObject *self, PyObject *unused)
{
    (void)unused;
    return perform((Stream *)self, END_RECORD, NULL);
}

static PyObject *finish(PyObject *self, PyObject *unused)
{
    (void)unused;
    return perform((Stream *)self, FINISH, NULL);
}

/* --- Making and freeing ----------------------------------------------------------------- */

static Stream *stream_new(PyTypeObject *type)
{
    allocfunc allocate = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
    return (Stream *)allocate(type, 0);
}

static void stream_free(PyObject *object)
{
    Stream *s = (Stream *)object;
    PyTypeObject *type = Py_TYPE(object);
    lp_writer_free(s->writer);
    lp_reader_free(s->reader);
    lp_file_close(s->file);
    free(s->bytes.p);
    ((freefunc)PyType_GetSlot(type, Py_tp_free))(object);
    Py_DECREF(type);
}

/* Hands out a new one, or frees it and raises. */
static PyObject *made(Stream *s, enum lp_status status)
{
    if (status == LP_OK)
        return (PyObject *)s;
    const struct lp_need *need = s->file != NULL ? lp_file_need(s->file) : NULL;
    module_raise(status, need, "");
    Py_DECREF((PyObject *)s);
    return NULL;
}

static PyObject *writer_new(PyTypeObject *type, PyObject *args, PyObject *keywords)
{
    struct lp_options options;
    if (!PyArg_ParseTuple(args, "") || !options_parse(keywords, &options))
        return NULL;
    Stream *s = stream_new(type);
    if (s == NULL)
        return NULL;
    options.interrupt = module_interrupted;
    options.interrupt_ctx = &s->state;
    return made(s, lp_writer_new(&options, bytes_sink, &s->bytes, &s->writer));
}

static void reader_options(Stream *s, unsigned long long memory, unsigned threads,
                           unsigned long long max_text, struct lp_reader_options *options)
{
    *options = (struct lp_reader_options){.find = module_find,
                                          .memory = memory,
                                          .threads = threads,
                                          .interrupt = module_interrupted,
                                          .interrupt_ctx = &s->state,
                                          .max_text = max_text};
}

static PyObject *reader_new(PyTypeObject *type, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"memory", "threads", "max_text", NULL};
    unsigned long long memory = 0, max_text = 0;
    unsigned threads = 1;
    struct lp_reader_options options;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "|KIK", names, &memory, &threads, &max_text))
        return NULL;
    Stream *s = stream_new(type);
    if (s == NULL)
        return NULL;
    reader_options(s, memory, threads, max_text, &options);
    return made(s, lp_reader_new(&options, bytes_sink, &s->bytes, &s->reader));
}

/* --- Files ------------------------------------------------------------------------------ */

/* An lp_read_at. */
static enum lp_status read_file(void *ctx, uint64_t offset, void *data, size_t n)
{
    return read_at(((const Stream *)ctx)->fd, offset, data, n);
}

static PyObject *file_new(PyTypeObject *type, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"fd", "size", "memory", "threads", NULL};
    unsigned long long size, memory = 0;
    unsigned threads = 1;
    int fd;
    struct lp_reader_options options;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "iK|KI", names, &fd, &size, &memory, &threads))
        return NULL;
    Stream *s = stream_new(type);
    if (s == NULL)
        return NULL;
    s->fd = fd;
    reader_options(s, memory, threads, 0, &options);
    return made(s, lp_file_open(read_file, s, size, &options, &s->file));
}

static PyObject *file_count(PyObject *self, PyObject *unused)
{
    uint64_t n = 0;
    (void)unused;
    enum lp_status status = lp_file_records(((Stream *)self)->file, &n);
    return status == LP_OK ? PyLong_FromUnsignedLongLong(n) : module_raise(status, NULL, "");
}

static PyObject *file_record(PyObject *self, PyObject *args)
{
    Stream *s = (Stream *)self;
    unsigned long long number;
    enum lp_status status;
    if (!PyArg_ParseTuple(args, "K", &number) || !begin(s))
        return NULL;
    s->bytes.n = 0;
    s->state = PyEval_SaveThread();
    status = lp_file_record(s->file, number, bytes_sink, &s->bytes);
    PyEval_RestoreThread(s->state);
    s->state = NULL;
    s->busy = false;
    if (status == LP_OK)
        return bytes_take(&s->bytes);
    char what[64];
    snprintf(what, sizeof what, "record %llu: ", number);
    return module_raise(status, lp_file_need(s->file), what);
}

/* The segments of a file, as tuples of chain, vocabulary, split, records, text and stored bytes. */
static PyObject *file_segments(PyObject *self, PyObject *unused)
{
    Stream *s = (Stream *)self;
    struct lp_segment g;
    enum lp_status status = LP_OK;
    (void)unused;
    if (!begin(s))
        return NULL;
    PyObject *list = PyList_New(0);
    for (size_t i = 0; list != NULL; i++) {
        status = lp_file_segment(s->file, i, &g);
        if (status != LP_OK)
            break;
        PyObject *item = Py_BuildValue("(iziKKK)", (int)g.chain, g.vocab[0] != 0 ? g.vocab : NULL,
                                       (int)g.split, (unsigned long long)g.nrecords,
                                       (unsigned long long)g.text_size, (unsigned long long)g.size);
        if (item == NULL || PyList_Append(list, item) != 0)
            Py_CLEAR(list);
        Py_XDECREF(item);
    }
    s->busy = false;
    if (list != NULL && status != LP_USAGE) {
        Py_CLEAR(list);
        module_raise(status, NULL, "");
    }
    return list;
}

/* --- The types ---------------------------------------------------------------------------- */

static PyMethodDef writer_methods[] = {
    {"push", push, METH_O, "Takes text; returns what of the stream is ready."},
    {"end_record", end_record, METH_NOARGS, "Ends a record; returns what is ready."},
    {"finish", finish, METH_NOARGS, "Ends the stream; returns the rest of it."},
    {NULL, NULL, 0, NULL},
};
static PyMethodDef reader_methods[] = {
    {"push", push, METH_O, "Takes a piece of a stream; returns the text that is restored."},
    {"finish", finish, METH_NOARGS, "The stream ends here; returns the rest of the text."},
    {NULL, NULL, 0, NULL},
};
static PyMethodDef file_methods[] = {
    {"records", file_count, METH_NOARGS, "How many records the file has."},
    {"record", file_record, METH_VARARGS, "The record of a number, from 1."},
    {"segments", file_segments, METH_NOARGS, "What each segment says of itself."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot writer_slots[] = {{Py_tp_new, writer_new},
                                     {Py_tp_dealloc, stream_free},
                                     {Py_tp_methods, writer_methods},
                                     {0, NULL}};
static PyType_Slot reader_slots[] = {{Py_tp_new, reader_new},
                                     {Py_tp_dealloc, stream_free},
                                     {Py_tp_methods, reader_methods},
                                     {0, NULL}};
static PyType_Slot file_slots[] = {
    {Py_tp_new, file_new}, {Py_tp_dealloc, stream_free}, {Py_tp_methods, file_methods}, {0, NULL}};

PyType_Spec writer_spec = {.name = "liblopace._lp.Writer",
                           .basicsize = sizeof(Stream),
                           .flags = Py_TPFLAGS_DEFAULT,
                           .slots = writer_slots};
PyType_Spec reader_spec = {.name = "liblopace._lp.Reader",
                           .basicsize = sizeof(Stream),
                           .flags = Py_TPFLAGS_DEFAULT,
                           .slots = reader_slots};
PyType_Spec file_spec = {.name = "liblopace._lp.File",
                         .basicsize = sizeof(Stream),
                         .flags = Py_TPFLAGS_DEFAULT,
                         .slots = file_slots};
