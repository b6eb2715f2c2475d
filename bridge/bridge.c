/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/bridge.h"
