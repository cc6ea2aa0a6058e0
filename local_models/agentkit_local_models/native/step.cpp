// A pass of a decoder over a few tokens as one call: every thread walks through all operations, and takes part in those
// that are not done.

#include <memory>

#include "attention.h"
#include "matrix.h"
#include "pack.h"
#include "pieces.h"
#include "pointwise.h"
#include "products.h"
#include "prompt_attention.h"

struct Layer {
    const float *attention_norm, *attention_post_norm, *feed_forward_norm, *feed_forward_post_norm;
    const float *query_norm, *key_norm;  // [head width], or none
    const Matrix *query_key_value;       // parts on top of each other
    const Matrix *output;
    const Matrix *up;  // the gate's parts before those of the hidden layer, if there is a gate
    const Matrix *down;
    int32_t query_key_value_parts, up_parts, down_parts, output_parts;
    int64_t window;
    int32_t rotation;  // which of the tables of a call turns its heads; -1 for none
    int32_t unused;
};

struct Decoder {
    int64_t width, heads, key_heads, head_width, hidden_width, rotated, layers;
    float epsilon, scale, embed_scale;
    int32_t activation, gated, bf16_pages;
    const float *slopes, *norm;
    const Layer *layer;
    const Matrix *embed;  // one part
    const Matrix *head;   // parts on top of each other
    int32_t head_parts, unused;
};

// What lies beside some rows of a stack of matrices for the tokens of an adapter: scale * b a.
struct Delta {
    const bf16 *a, *b;     // [rank, columns], [rows / 16, rank, 16]
    int64_t first, rows;   // of the stack
    int64_t rank, columns;
    float scale;
    int32_t unused;
};

// All that lies beside a stack.
struct Beside {
    const Delta *deltas;
    int64_t count;
};

// The next tokens of several sequences, one after another.
struct Call {
    int64_t tokens;
    const int64_t *ids, *positions;
    const int32_t *const *tables;  // of each token: the pages of its sequence
    const float *const *turns;     // of each rotation: cosines, then sines, [tokens, rotated / 2] each
    void *const *pages;            // of each layer
    void *const *scales;           // of each layer, where pages hold codes of 8 bits; or none
    float *hidden;                 // [tokens, width]
    const Beside *const *beside;   // of each token: what its adapter has for each stack, `STACKS` a layer; or none
    int64_t ranks;                 // the most that lie beside one stack; 0 where no token has an adapter
};

namespace {

// The stacks of a layer, in the order of `Call::beside`.
enum { QUERY_KEY_VALUE = 0, OUTPUT = 1, UP = 2, DOWN = 3, STACKS = 4 };

float *room(int64_t count) { return (float *)aligned_alloc(64, (count * 4 + 63) / 64 * 64); }

int64_t rows_of(const Matrix *parts, int count) {
    int64_t rows = 0;
    for (int i = 0; i < count; i++) rows += parts[i].rows;
    return rows;
}

bool has(const Matrix *parts, int count, bool packed, bool bf16s) {
    for (int i = 0; i < count; i++)
        if ((packed && parts[i].kind >= I8) || (bf16s && parts[i].kind == BF16)) return true;
    return false;
}

int64_t ranks_of(const Matrix *parts, int count) {
    int64_t ranks = 0;
    for (int i = 0; i < count; i++) ranks += parts[i].rank;
    return ranks;
}

// What one thread computes with.
struct Own {
    const int number;
    Inputs in;
    float *normed;
    float *low;  // of one part of a matrix after the other: [rows, rank]
    float *made = nullptr;  // of the piece at hand
    int64_t made_room = 0;
    std::vector<float> beside;  // what the adapters' `a` make of the inputs: [rows, ranks of the call]

    Own(int number, int64_t columns, int64_t ranks) : number(number) {
        int64_t all = MOST_ROWS * columns;
        in.upper = (bf16 *)room(all / 2);
        in.codes = (int8_t *)room(all / 4);
        in.fine = (int8_t *)room(all / 4);
        in.scales = room(all / SPAN);
        in.sums = room(all / SPAN);
        in.starts = (int32_t *)room(all / 16);
        in.fine_starts = (int32_t *)room(all / 16);
        normed = room(all);
        low = room(MOST_ROWS * ranks);
    }

    ~Own() {
        for (void *one : {(void *)in.upper, (void *)in.codes, (void *)in.fine, (void *)in.scales, (void *)in.sums, (void *)in.starts,
                          (void *)in.fine_starts, (void *)normed, (void *)low, (void *)made})
            free(one);
    }

    float *for_piece(int64_t count) {
        if (count > made_room) {
            free(made);
            made_room = count * 3 / 2;
            made = room(made_room);
        }
        return made;
    }

    void prepare(const float *x, int rows, int64_t columns, const Matrix *parts, int count) {
        in.prepare(x, rows, columns, has(parts, count, false, true), has(parts, count, true, false));
        float *to = low;
        for (int i = 0; i < count; to += rows * parts[i++].rank) narrow_rows(parts[i], in, rows, to);
    }

    // The thin half of what lies beside a stack; a row is summed in the same order, whatever the others have.
    void prepare_beside(const Call &call, int64_t stack, const float *x, int64_t columns) {
        if (!call.ranks) return;
        beside.resize(MOST_ROWS * call.ranks);
        for (int64_t t = 0; t < call.tokens; t++) {
            if (!call.beside[t]) continue;
            const Beside &one = call.beside[t][stack];
            float *to = beside.data() + t * call.ranks;
            for (int64_t i = 0; i < one.count; to += one.deltas[i++].rank) {
                const Delta &delta = one.deltas[i];
                for (int64_t k = 0; k < delta.rank; k++) {
                    f32x16 acc = {};
                    for (int64_t c = 0; c < columns; c += 16) acc += load(delta.a + k * columns + c) * load(x + t * columns + c);
                    to[k] = sum(acc) * delta.scale;
                }
            }
        }
    }
};

// The wide half, for some blocks of a stack's outputs: [tokens, blocks].
void add_beside(const Call &call, int64_t stack, const Own &own, int64_t begin, int64_t end) {
    if (!call.ranks) return;
    for (int64_t t = 0; t < call.tokens; t++) {
        if (!call.beside[t]) continue;
        const Beside &one = call.beside[t][stack];
        const float *low = own.beside.data() + t * call.ranks;
        for (int64_t i = 0; i < one.count; low += one.deltas[i++].rank) {
            const Delta &delta = one.deltas[i];
            int64_t above = delta.first / BLOCK;
            int64_t last = std::min(end, above + delta.rows / BLOCK);
            for (int64_t block = std::max(begin, above); block < last; block++) {
                float *to = own.made + (t * (end - begin) + block - begin) * BLOCK;
                const bf16 *wide = delta.b + (block - above) * BLOCK * delta.rank;
                f32x16 value = load(to);
                for (int64_t k = 0; k < delta.rank; k++) value += load(wide + k * BLOCK) * low[k];
                store(to, value);
            }
        }
    }
}

// Some blocks of matrices on top of each other, times what is prepared: [rows, blocks], for the piece at hand.
void multiply_parts(const Matrix *parts, int count, Own &own, int rows, int64_t begin, int64_t end) {
    const int64_t stride = (end - begin) * BLOCK;
    float *y = own.for_piece(rows * stride);
    int64_t above = 0;
    const float *low = own.low;
    for (int i = 0; i < count; low += rows * parts[i++].rank) {
        int64_t own_blocks = parts[i].rows / BLOCK, from = std::max<int64_t>(begin - above, 0), to = std::min(end - above, own_blocks);
        if (from < to) multiply_rows(parts[i], own.in, rows, from, to, {y, stride, (above - begin) * BLOCK, low});
        above += own_blocks;
    }
}

// Rows of a piece to where they belong, `apart` from each other, or on top of what is there.
void put_rows(const float *from, int64_t rows, int64_t width, float *to, int64_t apart, bool adds = false) {
    for (int64_t row = 0; row < rows; row++, from += width, to += apart) {
        if (!adds) memcpy(to, from, width * 4);
        else for (int64_t i = 0; i < width; i += 16) store(to + i, load(to + i) + load(from + i));
    }
}

}  // namespace

class Engine {
  public:
    Engine(const Decoder *decoder, Threads &threads) : d(*decoder), threads(threads) {
        int64_t widest = d.width;
        for (int64_t one : {d.heads * d.head_width, d.hidden_width}) widest = one > widest ? one : widest;
        int64_t ranks = ranks_of(d.head, d.head_parts);
        for (int64_t i = 0; i < d.layers; i++) {
            const Layer &one = d.layer[i];
            for (int64_t found : {ranks_of(one.query_key_value, one.query_key_value_parts), ranks_of(one.output, one.output_parts),
                                  ranks_of(one.up, one.up_parts), ranks_of(one.down, one.down_parts)})
                ranks = std::max(ranks, found);
        }
        for (int i = 0; i < threads.count; i++) own.push_back(std::make_unique<Own>(i, widest, ranks));
        x = room(MOST_ROWS * d.width);
        heads = room(MOST_ROWS * (d.heads + 2 * d.key_heads) * d.head_width);
        up = room(MOST_ROWS * 2 * d.hidden_width);
        added = room(MOST_ROWS * d.width);
        // eight a layer, the embedding, the last norm, the head
        for (int64_t i = 0; i < 8 * d.layers + 3; i++) operations.push_back(std::make_unique<Pieces>(threads.count));
    }

    ~Engine() {
        for (float *one : {x, heads, up, added, found}) free(one);
    }

    void step(const Call &call) {
        std::lock_guard<std::mutex> alone(threads.turn);
        spans = 0;
        for (int64_t t = 0; t < call.tokens; t++) spans = std::max(spans, call.positions[t] / POSITIONS + 1);
        int64_t needed = call.tokens * d.heads * spans * (2 + d.head_width);
        if (needed > found_room) {
            free(found);
            found_room = needed * 3 / 2;
            found = room(found_room);
        }
        for (auto &one : operations) one->reset();
        threads.run([&](int number) { walk(call, *own[number]); });
    }

    // Logits of normed hidden states: [rows, vocabulary].
    void logits(int64_t rows, const float *hidden, float *to) {
        std::lock_guard<std::mutex> alone(threads.turn);
        operations.back()->reset();
        const int64_t vocabulary = rows_of(d.head, d.head_parts);
        threads.run([&](int number) {
            Own &mine = *own[number];
            operations.back()->share(
                number, vocabulary / BLOCK, [&] { mine.prepare(hidden, rows, d.width, d.head, d.head_parts); },
                [&](int64_t begin, int64_t end) { multiply_parts(d.head, d.head_parts, mine, rows, begin, end); },
                [&](int64_t begin, int64_t end) { put_rows(mine.made, rows, (end - begin) * BLOCK, to + begin * BLOCK, vocabulary); });
        });
    }

  private:
    using Operation = std::unique_ptr<Pieces> *;

    void walk(const Call &call, Own &own) {
        const int64_t rows = call.tokens, heads_width = d.heads * d.head_width, all = (d.heads + 2 * d.key_heads) * d.head_width;
        Operation next = operations.data();
        each_row(*next++, own, rows, x, [&](int64_t t, float *to) {
            read_row(*d.embed, call.ids[t], to);
            for (int64_t i = 0; i < d.width; i += 16) store(to + i, load(to + i) * d.embed_scale);
        });
        for (int64_t number = 0; number < d.layers; number++) {
            const Layer &layer = d.layer[number];
            multiply({call, number * STACKS + QUERY_KEY_VALUE, layer.query_key_value, layer.query_key_value_parts, d.width}, own, *next++,
                     heads, all, false, [&] { norms(x, layer.attention_norm, rows, own); });
            enter(call, layer, number, own, *next++);
            look(call, layer, number, own, *next++);
            add({call, number * STACKS + OUTPUT, layer.output, layer.output_parts, heads_width}, own, next, layer.attention_post_norm, [&] {
                for (int64_t t = 0; t < rows; t++)
                    for (int64_t h = 0; h < d.heads; h++) {
                        int64_t first = first_span(call.positions[t], layer.window);
                        join(found_of(t, h, first), call.positions[t] / POSITIONS + 1 - first, 2 + d.head_width, d.head_width,
                             own.normed + t * heads_width + h * d.head_width);
                    }
            });
            const int64_t up_width = (d.gated ? 2 : 1) * d.hidden_width;
            multiply({call, number * STACKS + UP, layer.up, layer.up_parts, d.width}, own, *next++, up, up_width, false,
                     [&] { norms(x, layer.feed_forward_norm, rows, own); });
            add({call, number * STACKS + DOWN, layer.down, layer.down_parts, d.hidden_width}, own, next, layer.feed_forward_post_norm, [&] {
                for (int64_t t = 0; t < rows; t++)
                    for (int64_t i = 0; i < d.hidden_width; i += 16) {
                        f32x16 value = activated(load(up + t * up_width + i), d.activation);
                        if (d.gated) value *= load(up + t * up_width + d.hidden_width + i);
                        store(own.normed + t * d.hidden_width + i, value);
                    }
            });
        }
        each_row(*next++, own, rows, call.hidden, [&](int64_t t, float *to) { norm(x + t * d.width, d.norm, d.width, d.epsilon, to); });
    }

    // An operation that makes each row of a width by itself.
    template <class Make> void each_row(std::unique_ptr<Pieces> &pieces, Own &own, int64_t rows, float *to, Make &&make) {
        pieces->share(
            own.number, rows, [] {},
            [&](int64_t begin, int64_t end) {
                float *made = own.for_piece((end - begin) * d.width);
                for (int64_t t = begin; t < end; t++) make(t, made + (t - begin) * d.width);
            },
            [&](int64_t begin, int64_t end) { put_rows(own.made, 1, (end - begin) * d.width, to + begin * d.width, 0); });
    }

    void norms(const float *from, const float *weight, int64_t rows, Own &own) {
        for (int64_t t = 0; t < rows; t++) norm(from + t * d.width, weight, d.width, d.epsilon, own.normed + t * d.width);
    }

    // A stack of matrices in a call.
    struct Stack {
        const Call &call;
        int64_t number;
        const Matrix *parts;
        int count;
        int64_t columns;
    };

    // A stack times what `prepare` leaves in `own.normed`.
    template <class Prepare>
    void multiply(const Stack &stack, Own &own, std::unique_ptr<Pieces> &pieces, float *y, int64_t stride, bool adds, Prepare &&prepare) {
        const int rows = (int)stack.call.tokens;
        pieces->share(
            own.number, rows_of(stack.parts, stack.count) / BLOCK,
            [&] {
                prepare();
                own.prepare(own.normed, rows, stack.columns, stack.parts, stack.count);
                own.prepare_beside(stack.call, stack.number, own.normed, stack.columns);
            },
            [&](int64_t begin, int64_t end) {
                multiply_parts(stack.parts, stack.count, own, rows, begin, end);
                add_beside(stack.call, stack.number, own, begin, end);
            },
            [&](int64_t begin, int64_t end) { put_rows(own.made, rows, (end - begin) * BLOCK, y + begin * BLOCK, stride, adds); });
    }

    // What a block returns joins the residual stream, normed first where the model does so.
    template <class Prepare> void add(const Stack &stack, Own &own, Operation &next, const float *post_norm, Prepare &&prepare) {
        multiply(stack, own, *next++, post_norm ? added : x, d.width, !post_norm, prepare);
        if (!post_norm) return;
        each_row(*next++, own, stack.call.tokens, x, [&](int64_t t, float *to) {
            norm(added + t * d.width, post_norm, d.width, d.epsilon, to);
            for (int64_t i = 0; i < d.width; i += 16) store(to + i, load(x + t * d.width + i) + load(to + i));
        });
    }

    // A token's queries and keys of one group are normed and turned, and its key and value join the pages.
    void enter(const Call &call, const Layer &layer, int64_t number, Own &own, std::unique_ptr<Pieces> &pieces) {
        const int64_t D = d.head_width, share = d.heads / d.key_heads, all = (d.heads + 2 * d.key_heads) * D;
        const int64_t size = (share + 2) * D;  // the queries, the key, the value
        pieces->share(
            own.number, call.tokens * d.key_heads, [] {},
            [&](int64_t begin, int64_t end) {
                float *made = own.for_piece((end - begin) * size);
                for (int64_t i = begin; i < end; i++, made += size) {
                    const int64_t t = i / d.key_heads, group = i % d.key_heads;
                    const float *row = heads + t * all, *key = row + (d.heads + group) * D;
                    memcpy(made, row + group * share * D, share * D * 4);
                    memcpy(made + share * D, key, D * 4);
                    memcpy(made + (share + 1) * D, key + d.key_heads * D, D * 4);
                    for (int64_t h = 0; h <= share; h++) {
                        const float *weight = h < share ? layer.query_norm : layer.key_norm;
                        if (weight) norm(made + h * D, weight, D, d.epsilon, made + h * D);
                        if (layer.rotation >= 0) turn(made + h * D, call.turns[layer.rotation], t, call.tokens);
                    }
                }
            },
            [&](int64_t begin, int64_t end) {
                const float *made = own.made;
                for (int64_t i = begin; i < end; i++, made += size) {
                    const int64_t t = i / d.key_heads, group = i % d.key_heads;
                    memcpy(heads + t * all + group * share * D, made, share * D * 4);
                    int64_t position = call.positions[t], page = call.tables[t][position / PAGE];
                    int64_t at = (page * 2 * d.key_heads + group) * PAGE + position % PAGE;
                    put(call, number, at, made + share * D);
                    put(call, number, at + d.key_heads * PAGE, made + (share + 1) * D);
                }
            });
    }

    void turn(float *head, const float *turns, int64_t t, int64_t tokens) {
        const int64_t half_width = d.rotated / 2;
        const float *cosines = turns + t * half_width, *sines = cosines + tokens * half_width;
        for (int64_t i = 0; i < half_width; i++) {
            float a = head[i], b = head[i + half_width];
            head[i] = a * cosines[i] - b * sines[i];
            head[i + half_width] = b * cosines[i] + a * sines[i];
        }
    }

    // A key or a value to its place, counted in keys and values of the layer.
    void put(const Call &call, int64_t number, int64_t place, const float *from) {
        void *pages = call.pages[number];
        int64_t at = place * d.head_width;
        if (call.scales) return put_codes((int8_t *)pages + at, (half *)call.scales[number] + place, from);
        for (int64_t i = 0; i < d.head_width; i += 16) {
            if (d.bf16_pages) store((bf16 *)pages + at + i, load(from + i));
            else store((float *)pages + at + i, load(from + i));
        }
    }

    // Steps of the largest number / 127, rounded first, as `quantise.int8_heads`.
    void put_codes(int8_t *codes, half *scale, const float *from) {
        float most = 0;
        for (int64_t i = 0; i < d.head_width; i++) most = std::max(most, fabsf(from[i]));
        *scale = float_to_half(most / 127);
        float step = std::max(half_to_float(*scale), 5.9604644775390625e-8f);  // 2^-24
        for (int64_t i = 0; i < d.head_width; i++) codes[i] = (int8_t)std::min(127.0f, std::max(-127.0f, rintf(from[i] / step)));
    }

    int64_t first_span(int64_t position, int64_t window) {
        return window && position >= window ? (position - window + 1) / POSITIONS : 0;
    }

    float *found_of(int64_t t, int64_t head, int64_t span) {
        return found + ((t * d.heads + head) * spans + span) * (2 + d.head_width);
    }

    // What the heads of one group find in one span of a token's keys.
    void look(const Call &call, const Layer &layer, int64_t number, Own &own, std::unique_ptr<Pieces> &pieces) {
        const int64_t share = d.heads / d.key_heads, size = 2 + d.head_width;
        auto with = [&](int64_t i, auto &&work) {
            const int64_t t = i / spans / d.key_heads, group = i / spans % d.key_heads, span = i % spans, position = call.positions[t];
            int64_t first = span * POSITIONS, end = std::min(first + POSITIONS, position + 1);
            if (layer.window && position >= layer.window) first = std::max(first, position - layer.window + 1);
            if (first < end) work(t, group, span, first, end);
        };
        pieces->share(
            own.number, call.tokens * d.key_heads * spans, [] {},
            [&](int64_t begin, int64_t end) {
                float *made = own.for_piece((end - begin) * share * size);
                for (int64_t i = begin; i < end; i++, made += share * size)
                    with(i, [&](int64_t t, int64_t group, int64_t, int64_t from, int64_t to) {
                        attend(call, layer, number, t, group, from, to, made);
                    });
            },
            [&](int64_t begin, int64_t end) {
                const float *made = own.made;
                for (int64_t i = begin; i < end; i++, made += share * size)
                    with(i, [&](int64_t t, int64_t group, int64_t span, int64_t, int64_t) {
                        for (int64_t h = 0; h < share; h++) memcpy(found_of(t, group * share + h, span), made + h * size, size * 4);
                    });
            });
    }

    void attend(const Call &call, const Layer &layer, int64_t number, int64_t t, int64_t group, int64_t first, int64_t end, float *made) {
        const int64_t share = d.heads / d.key_heads, size = 2 + d.head_width, all = (d.heads + 2 * d.key_heads) * d.head_width;
        const Sight sight{d.scale, layer.window, d.slopes};
        for (int64_t h = 0; h < share; h += MOST_HEADS) {
            int64_t head = group * share + h, count = std::min<int64_t>(MOST_HEADS, share - h);
            auto of = [&](auto *pages, const half *scales) {
                attend_group(count, pages, scales, call.tables[t], d.key_heads, group, d.head_width,
                             heads + t * all + head * d.head_width, sight, head, call.positions[t], first, end, made + h * size);
            };
            if (call.scales) of((const int8_t *)call.pages[number], (const half *)call.scales[number]);
            else if (d.bf16_pages) of((const bf16 *)call.pages[number], nullptr);
            else of((const float *)call.pages[number], nullptr);
        }
    }

    const Decoder d;
    Threads &threads;
    std::vector<std::unique_ptr<Own>> own;
    std::vector<std::unique_ptr<Pieces>> operations;
    float *x, *heads, *up, *added, *found = nullptr;
    int64_t found_room = 0, spans = 0;
};

extern "C" {

const char *agentkit_isa() {
#if defined(__AVX512BF16__) && defined(__AVX512VNNI__)
    return "avx512";
#elif defined(__AVX2__)
    return "avx2";
#else
    return "plain";
#endif
}

// Bytes of the structures, so that whoever describes them elsewhere can see that they are the same.
void agentkit_sizes(int64_t *to) {
    for (int64_t one : {sizeof(Matrix), sizeof(Layer), sizeof(Decoder), sizeof(Call), sizeof(Delta), sizeof(Beside), sizeof(Asking)}) *to++ = one;
}

Threads *agentkit_threads(int count) { return new Threads(count); }

void agentkit_end_threads(Threads *threads) { delete threads; }

Engine *agentkit_create(const Decoder *decoder, Threads *threads) { return new Engine(decoder, *threads); }

void agentkit_destroy(Engine *engine) { delete engine; }

void agentkit_step(Engine *engine, const Call *call) { engine->step(*call); }

void agentkit_logits(Engine *engine, int64_t rows, const float *hidden, float *to) { engine->logits(rows, hidden, to); }

int agentkit_pack(Threads *threads, int kind, const uint8_t *from, Matrix *to) {
    std::lock_guard<std::mutex> alone(threads->turn);
    return pack(*threads, kind, from, *to);
}

void agentkit_unpack(Threads *threads, const Matrix *from, int64_t first, int64_t end, void *to, int bf16s) {
    std::lock_guard<std::mutex> alone(threads->turn);
    unpack(*threads, *from, first, end, to, bf16s);
}

int agentkit_tiles_by() { return tiles_by(); }

void agentkit_multiply_many(
    Threads *threads, const Matrix *by, int64_t tokens, void *x, int64_t x_apart, void *room, void *y, int64_t y_apart) {
    std::lock_guard<std::mutex> alone(threads->turn);
    multiply_many(*threads, *by, tokens, {(bf16 *)x, x_apart}, (bf16 *)room, {(bf16 *)y, y_apart});
}

void agentkit_attend_many(Threads *threads, const Asking *asking, void *room) {
    std::lock_guard<std::mutex> alone(threads->turn);
    attend_many(*threads, *asking, (bf16 *)room);
}

void agentkit_norm_many(
    Threads *threads, int64_t rows, int64_t width, void *x, int64_t x_apart, const float *weight, float epsilon, void *y, int64_t y_apart) {
    std::lock_guard<std::mutex> alone(threads->turn);
    norm_many(*threads, rows, width, {(bf16 *)x, x_apart}, weight, epsilon, {(bf16 *)y, y_apart});
}

void agentkit_gate_many(Threads *threads, int64_t rows, int64_t width, int activation, void *x, int64_t x_apart) {
    std::lock_guard<std::mutex> alone(threads->turn);
    gate_many(*threads, rows, width, activation, {(bf16 *)x, x_apart});
}

void agentkit_turn_many(
    Threads *threads, int64_t rows, int64_t heads, int64_t head_width, int64_t rotated, void *x, int64_t x_apart, const void *cosines,
    const void *sines) {
    std::lock_guard<std::mutex> alone(threads->turn);
    turn_many(*threads, rows, heads, head_width, rotated, {(bf16 *)x, x_apart}, (const bf16 *)cosines, (const bf16 *)sines);
}

void agentkit_read_rows(const Matrix *from, int64_t count, const int64_t *rows, float *to) {
    for (int64_t i = 0; i < count; i++) read_row(*from, rows[i], to + i * from->columns);
}
}
