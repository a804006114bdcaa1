/* SPDX-License-Identifier: Apache-2.0 */
#ifndef REEVE_CJANSSON_H
#define REEVE_CJANSSON_H
#include <jansson.h>
#endif
