/* SPDX-License-Identifier: Apache-2.0 */
#include "joiner/joiner.h"
