/* SPDX-License-Identifier: Apache-2.0 */
/*
 * html: what the parts of the page share: escaped text, numbers, and getters that forgive.
 */
#ifndef VALIDATOR_HTML_H
#define VALIDATOR_HTML_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

void html_escaped(FILE *out, const char *text);    /* NULL is nothing. */
void html_number(FILE *out, int64_t value);        /* 1234567 as 1,234,567. */
void html_name_words(FILE *out, const char *name); /* Escaped; `_` becomes a space. */
void html_counts(FILE *out, const json_t *counts); /* "3 missing  1 late", of an object. */
void html_list_items(FILE *out, const json_t *list);

/* Of a member: "", 0 or false if it is not there. */
const char *html_text(const json_t *object, const char *name);
int64_t html_count(const json_t *object, const char *name);
double html_real(const json_t *object, const char *name);
bool html_is_true(const json_t *object, const char *name);

/* The gates of a document: what failed in sight, what passed a click away. */
void html_gates(FILE *out, const json_t *document);
/* The streak of a document and its last runs. */
void html_streak(FILE *out, const json_t *document);
/* Of one comparison: its worst five minutes and its labels. */
void html_rates(FILE *out, const json_t *comparison);
/* Of one comparison: records and label rate over time, as SVG. */
void html_charts(FILE *out, const json_t *comparison);

#endif
