/* module.c - the Python module liblopace._lp: its errors, arguments and functions. */
#include "ext/python/module.h"
#include "ext/shared/need.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* The catalogues of the process, opened with the module and never closed. What is handed over to a
 * catalogue is found by its encoding's name too, so what load() opens has one of its own. */
static struct lp_catalog *catalog, *loaded;
static PyObject *error, *data_error, *missing_error, *limit_error;

enum lp_status module_find(void *ctx, const struct lp_need *need, struct lp_found *found)
{
    (void)ctx;
    enum lp_status status = lp_catalog_find(catalog, need, found);
    if ((status == LP_NO_MODEL || status == LP_NO_DICT) && need->fingerprint != 0)
        status = lp_catalog_find(loaded, need, found);
    return status;
}

/* --- Errors ------------------------------------------------------------------------------ */

static PyObject *class_of(enum lp_status status)
{
    switch (status) {
    case LP_NOMEM:
        return PyExc_MemoryError;
    case LP_IO:
        return PyExc_OSError;
    case LP_USAGE:
        return PyExc_ValueError;
    case LP_LIMIT:
    case LP_MAX_TEXT:
        return limit_error;
    case LP_NO_VOCAB:
    case LP_NO_DICT:
    case LP_NO_MODEL:
    case LP_NO_PARENT:
        return missing_error;
    case LP_INTERNAL:
    case LP_STOP:
        return error;
    default:
        return data_error;
    }
}

PyObject *module_raise(enum lp_status status, const struct lp_need *need, const char *what)
{
    char text[NEED_TEXT];
    if (status == LP_INTERRUPTED && PyErr_Occurred() != NULL)
        return NULL;
    if (need != NULL && class_of(status) == missing_error)
        return PyErr_Format(missing_error, "%sneeds the %s: %s", what, need_text(need, text),
                            status == LP_NO_VOCAB    ? "set LP_VOCAB_PATH"
                            : status == LP_NO_PARENT ? "give it as the parent"
                                                     : "load() it");
    if (status == LP_NOMEM)
        return PyErr_NoMemory();
    if (status == LP_IO && errno != 0)
        return PyErr_SetFromErrno(PyExc_OSError);
    if (status == LP_VERSION && need != NULL && need->what == LP_NEED_NEWER)
        return PyErr_Format(data_error, "%smade by a newer version: %s", what,
                            need_text(need, text));
    return PyErr_Format(class_of(status), "%s%s", what, lp_status_text(status));
}

bool module_interrupted(void *ctx)
{
    PyThreadState **state = ctx;
    if (*state == NULL)
        return false;
    PyEval_RestoreThread(*state);
    const bool raised = PyErr_CheckSignals() != 0;
    *state = PyEval_SaveThread();
    return raised;
}

/* --- Arguments and results --------------------------------------------------------------- */

bool text_hold(PyObject *object, struct text *text)
{
    *text = (struct text){.object = object};
    if (PyUnicode_Check(object)) {
        Py_ssize_t n;
        text->p = PyUnicode_AsUTF8AndSize(object, &n);
        text->n = (size_t)n;
        if (text->p == NULL)
            return false;
    } else {
        if (PyObject_GetBuffer(object, &text->view, PyBUF_SIMPLE) != 0)
            return false;
        text->p = text->view.len > 0 ? text->view.buf : "";
        text->n = (size_t)text->view.len;
    }
    Py_INCREF(object);
    return true;
}

void text_release(struct text *text)
{
    if (text->view.obj != NULL)
        PyBuffer_Release(&text->view);
    Py_CLEAR(text->object);
}

enum lp_status bytes_sink(void *ctx, const void *data, size_t n)
{
    struct bytes *bytes = ctx;
    if (n > bytes->cap - bytes->n) {
        const size_t cap = bytes->n + n + bytes->n / 2;
        char *p = cap > PY_SSIZE_T_MAX ? NULL : realloc(bytes->p, cap);
        if (p == NULL)
            return LP_NOMEM;
        bytes->p = p;
        bytes->cap = cap;
    }
    if (n > 0)
        memcpy(bytes->p + bytes->n, data, n);
    bytes->n += n;
    return LP_OK;
}

PyObject *bytes_take(struct bytes *bytes)
{
    enum { KEPT = 1 << 20 };
    PyObject *result = PyBytes_FromStringAndSize(bytes->p, (Py_ssize_t)bytes->n);
    bytes->n = 0;
    if (bytes->cap > KEPT) {
        free(bytes->p);
        *bytes = (struct bytes){0};
    }
    return result;
}

/* Keeps a model or dictionary, unless one of its fingerprint is there already. found gets it. */
static enum lp_status take(struct lp_model *model, struct lp_dict *dict, struct lp_found *found)
{
    const struct lp_need need = {.what = model != NULL ? LP_NEED_MODEL : LP_NEED_DICT,
                                 .name = model != NULL ? lp_model_vocab(model) : "",
                                 .fingerprint = model != NULL ? lp_model_fingerprint(model)
                                                              : lp_dict_fingerprint(dict)};
    const struct lp_found own = {.model = model, .dict = dict};
    enum lp_status status = module_find(NULL, &need, found);
    if (status != LP_OK) {
        *found = own;
        status = lp_catalog_take(loaded, &own);
        if (status == LP_OK)
            return LP_OK;
    }
    lp_model_close(model);
    lp_dict_close(dict);
    return status;
}

/* Opens a model, or else a dictionary, for all to find. */
static bool load(const char *path, struct lp_found *found)
{
    struct lp_model *model = NULL;
    struct lp_dict *dict = NULL;
    *found = (struct lp_found){0};
    enum lp_status status = lp_model_load(path, &model);
    if (status == LP_DATA)
        status = lp_dict_open(path, &dict);
    if (status == LP_OK)
        status = take(model, dict, found);
    if (status == LP_IO && errno != 0)
        PyErr_SetFromErrnoWithFilename(PyExc_OSError, path);
    else if (status != LP_OK)
        PyErr_Format(class_of(status), "%s: %s", path, lp_status_text(status));
    return status == LP_OK;
}

static bool find_vocab(const char *encoding, struct lp_options *options)
{
    if (encoding == NULL)
        return true;
    const char *name = lp_encoding_name(encoding);
    if (name == NULL) {
        PyErr_Format(PyExc_ValueError, "unknown encoding or model '%s'", encoding);
        return false;
    }
    enum lp_status status = lp_catalog_vocab(catalog, name, &options->vocab);
    if (status != LP_OK)
        PyErr_Format(class_of(status), "%s.lpv: %s", name, lp_status_text(status));
    return status == LP_OK;
}

static bool find_model(const char *path, struct lp_options *options)
{
    struct lp_found found = {0};
    if (path != NULL && !load(path, &found))
        return false;
    options->dict = found.dict;
    options->model = found.model;
    if (options->chain != LP_CHAIN_TOKENS_MIX || options->model != NULL || options->vocab == NULL)
        return true;
    enum lp_status status = lp_catalog_model(catalog, options->vocab, &options->model);
    if (status != LP_OK)
        PyErr_Format(class_of(status), "%s: %s", lp_vocab_name(options->vocab),
                     lp_status_text(status));
    return status == LP_OK;
}

bool options_parse(PyObject *keywords, struct lp_options *o)
{
    static char *names[] = {"chain",     "encoding",   "model",  "level", "fast",       "special",
                            "unchecked", "unverified", "memory", "split", "block_size", "flush",
                            "threads",   "window",     "key",    NULL};
    const char *encoding = NULL, *model = NULL;
    int chain = 0, split = 0, fast = 0, special = 0, unchecked = 0, unverified = 0, flush = 0;
    unsigned long long memory = 0, block_size = 0, window = 0, key = 0;
    PyObject *none = PyTuple_New(0);
    *o = (struct lp_options){0};
    const bool good = none != NULL &&
                      PyArg_ParseTupleAndKeywords(none, keywords, "|izzippppKiKpIKK", names, &chain,
                                                  &encoding, &model, &o->level, &fast, &special,
                                                  &unchecked, &unverified, &memory, &split,
                                                  &block_size, &flush, &o->threads, &window, &key);
    Py_XDECREF(none);
    if (!good)
        return false;
    o->chain = (enum lp_chain)chain;
    o->split = (enum lp_split)split;
    o->fast = fast != 0;
    o->special = special != 0;
    o->unchecked = unchecked != 0;
    o->unverified = unverified != 0;
    o->flush = flush != 0;
    o->memory = memory;
    o->block_size = (size_t)block_size;
    o->window = (size_t)window;
    o->key = key;
    return find_vocab(encoding, o) && find_model(model, o);
}

/* --- Functions --------------------------------------------------------------------------- */

static PyObject *add_data(PyObject *module, PyObject *args)
{
    const char *path;
    enum lp_status status;
    (void)module;
    if (!PyArg_ParseTuple(args, "s", &path))
        return NULL;
    status = lp_catalog_add(catalog, LP_VOCAB_PATH, path);
    if (status == LP_OK)
        status = lp_catalog_add(catalog, LP_MODEL_PATH, path);
    if (status == LP_OK)
        status = lp_catalog_add_environment(catalog);
    if (status != LP_OK)
        return module_raise(status, NULL, "");
    Py_RETURN_NONE;
}

static PyObject *load_file(PyObject *module, PyObject *args)
{
    const char *path;
    char fingerprint[24];
    struct lp_found found;
    (void)module;
    if (!PyArg_ParseTuple(args, "s", &path) || !load(path, &found))
        return NULL;
    snprintf(fingerprint, sizeof fingerprint, "%016" PRIx64,
             found.model != NULL ? lp_model_fingerprint(found.model)
                                 : lp_dict_fingerprint(found.dict));
    return PyUnicode_FromString(fingerprint);
}

static PyObject *encoding_name(PyObject *module, PyObject *args)
{
    const char *name;
    (void)module;
    if (!PyArg_ParseTuple(args, "s", &name))
        return NULL;
    const char *encoding = lp_encoding_name(name);
    return encoding != NULL
               ? PyUnicode_FromString(encoding)
               : PyErr_Format(PyExc_ValueError, "unknown encoding or model '%s'", name);
}

static PyObject *encodings(PyObject *module, PyObject *unused)
{
    const char *name;
    PyObject *list = PyList_New(0);
    (void)module, (void)unused;
    for (size_t i = 0; list != NULL && (name = lp_encoding_list(i)) != NULL; i++) {
        PyObject *item = PyUnicode_FromString(name);
        if (item == NULL || PyList_Append(list, item) != 0)
            Py_CLEAR(list);
        Py_XDECREF(item);
    }
    return list;
}

static PyObject *is_blob(PyObject *module, PyObject *data)
{
    struct text text;
    (void)module;
    if (!text_hold(data, &text))
        return NULL;
    const bool is = lp_is_blob(text.p, text.n);
    text_release(&text);
    return PyBool_FromLong(is);
}

/* A number as a fingerprint, or None for 0. */
static PyObject *hexadecimal(uint64_t value, int digits, bool known)
{
    char text[24];
    if (!known)
        Py_RETURN_NONE;
    snprintf(text, sizeof text, "%0*" PRIx64, digits, value);
    return PyUnicode_FromString(text);
}

static PyObject *info(PyObject *module, PyObject *blob)
{
    struct text text;
    struct lp_blob_info i;
    (void)module;
    if (!text_hold(blob, &text))
        return NULL;
    enum lp_status status = lp_blob_info(text.p, text.n, &i);
    PyObject *result = NULL;
    if (status != LP_OK)
        module_raise(status, NULL, "");
    else
        result = Py_BuildValue(
            "{s:i,s:z,s:N,s:N,s:N,s:N,s:n,s:n}", "chain", (int)i.chain, "vocabulary",
            i.vocab[0] != 0 ? i.vocab : NULL, "dictionary", hexadecimal(i.dict, 16, i.dict != 0),
            "model", hexadecimal(i.model, 16, i.model != 0), "parent",
            hexadecimal(i.parent, 8, i.has_parent), "check", hexadecimal(i.check, 8, i.checked),
            "payload_bytes", (Py_ssize_t)i.payload_size, "stored_bytes", (Py_ssize_t)text.n);
    text_release(&text);
    return result;
}

static PyMethodDef functions[] = {
    {"add_data", add_data, METH_VARARGS, "Adds a directory, and what the environment says."},
    {"load", load_file, METH_VARARGS, "Opens a model or dictionary; returns its fingerprint."},
    {"encoding_name", encoding_name, METH_VARARGS, "The encoding of an encoding or model."},
    {"encodings", encodings, METH_NOARGS, "The names of all encodings."},
    {"is_blob", is_blob, METH_O, "Whether data begins as a blob."},
    {"info", info, METH_O, "What a blob says of itself."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {.m_base = PyModuleDef_HEAD_INIT,
                                        .m_name = "liblopace._lp",
                                        .m_doc = "liblp for the package liblopace.",
                                        .m_size = -1,
                                        .m_methods = functions};

static PyObject *add_error(PyObject *module, const char *name, const char *doc, PyObject *base)
{
    char full[64];
    snprintf(full, sizeof full, "liblopace.%s", name);
    PyObject *class = PyErr_NewExceptionWithDoc(full, doc, base, NULL);
    if (class == NULL || PyModule_AddObjectRef(module, name, class) != 0)
        return NULL;
    return class;
}

static bool add_type(PyObject *module, PyType_Spec *spec)
{
    PyObject *type = PyType_FromSpec(spec);
    const bool good = type != NULL && PyModule_AddType(module, (PyTypeObject *)type) == 0;
    Py_XDECREF(type);
    return good;
}

PyMODINIT_FUNC PyInit__lp(void)
{
    PyObject *module = PyModule_Create(&definition);
    if (module == NULL)
        return NULL;
    enum lp_status status = catalog == NULL ? lp_catalog_new(&catalog) : LP_OK;
    if (status == LP_OK && loaded == NULL)
        status = lp_catalog_new(&loaded);
    if (status == LP_OK &&
        (error = add_error(module, "Error", "What liblp can fail with.", PyExc_ValueError)) &&
        (data_error = add_error(module, "DataError", "Damaged or truncated data.", error)) &&
        (missing_error = add_error(module, "MissingError",
                                   "A model, dictionary or parent was not found.", error)) &&
        (limit_error = add_error(module, "LimitError", "More than a limit allows.", error)) &&
        PyModule_AddStringConstant(module, "version", lp_version()) == 0 &&
        add_type(module, &codec_spec) && add_type(module, &writer_spec) &&
        add_type(module, &reader_spec) && add_type(module, &file_spec))
        return module;
    if (status != LP_OK)
        PyErr_NoMemory();
    Py_DECREF(module);
    return NULL;
}
