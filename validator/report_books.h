/* SPDX-License-Identifier: Apache-2.0 */
/*
 * report_books: what a comparison of report.json says of the bridge's books, on terminal and page.
 */
#ifndef VALIDATOR_REPORT_BOOKS_H
#define VALIDATOR_REPORT_BOOKS_H

#include <jansson.h>
#include <stdio.h>

/* Nothing if the comparison knows of no books. */
void report_books_text(const json_t *comparison, FILE *out);
void report_books_html(const json_t *comparison, FILE *out);

#endif
