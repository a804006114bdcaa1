/* SPDX-License-Identifier: Apache-2.0
 *
 * TOML text to a flat list of nodes with the place of every key and value, over toml++ 3.x. No C++
 * exception and no C++ type crosses this interface.
 */
#ifndef CTOML_H
#define CTOML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct ctoml_document ctoml_document;

enum {
    ctoml_table,
    ctoml_array,
    ctoml_string,
    ctoml_integer,
    ctoml_number,
    ctoml_boolean,
    ctoml_date_time,
};

/* Lines and columns from 1, columns in code points; the end is exclusive. Zero: unknown. */
typedef struct {
    uint32_t line, column, end_line, end_column;
} ctoml_span;

/* One value. Pointers live as long as the document; lengths count, for a string may hold NUL. */
typedef struct {
    int32_t kind;
    /* Index of the table or array that holds it, always lower than its own; the root's is 0. */
    uint32_t parent;
    /* Of an entry of a table; NULL for elements of arrays and for the root. */
    const char *key;
    size_t key_length;
    ctoml_span key_span;
    ctoml_span span;
    /* Of strings, and of dates and times as they would be written. */
    const char *text;
    size_t text_length;
    int64_t integer;
    double number;
    bool boolean;
} ctoml_node;

/* Never NULL but when memory is out; to be freed in any case. */
ctoml_document *ctoml_parse(const char *bytes, size_t length);
void ctoml_free(ctoml_document *document);

/* The first error of the text, or NULL. */
const char *ctoml_error(const ctoml_document *document, ctoml_span *span);
/* In preorder; 0 when there is an error. */
size_t ctoml_node_count(const ctoml_document *document);
/* The index must be below the count. */
ctoml_node ctoml_node_at(const ctoml_document *document, size_t index);

#ifdef __cplusplus
}
#endif

#endif
