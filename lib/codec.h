/* codec.h - one record at a time: ids, counts, blobs; the buffers of a codec, for what else hands
 * out of them. */
#ifndef LP_CODEC_H
#define LP_CODEC_H

#include "base/buf.h"
#include "lp.h"

enum lp_codec_buf { LP_CODEC_BODY, LP_CODEC_BLOB, LP_CODEC_TEXT };

struct lp_buf *lp_codec_buf(struct lp_codec *codec, enum lp_codec_buf which);
const struct lp_options *lp_codec_options(const struct lp_codec *codec);

#endif
