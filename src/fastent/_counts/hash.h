/* Numbering labels in the order in which they appear: an open-addressing hash table of what has been seen.
 *
 * Tables only fill up here; the caller gives them room and calls again. Every label is compared with the level it is taken
 * for: a hash says where to look, never that two labels are equal.
 */
#ifndef FASTENT_HASH_H
#define FASTENT_HASH_H

#include <stdint.h>
#include <string.h>

#include "../_simd/prefetch.h"

#define HASH_BLOCK 64 /* labels whose slots are fetched at a time, so that misses of the cache overlap */
#define HASH_SLOT 16  /* bytes of a slot, of any table */

typedef struct {
    uint64_t key; /* of words the label, otherwise its hash */
    int64_t code; /* from 1 on; 0: free */
} hash_slot;

typedef struct {
    hash_slot *slots;
    int bits;       /* 2^bits slots */
    int64_t levels; /* found so far */
    int64_t room;   /* a block of labels may be looked up while there are fewer levels than that */
} hash_table;

/* Contiguous labels of one column, and what has become of them. */
typedef struct {
    hash_table table;
    const char *labels;
    int64_t item, n; /* bytes of a label, labels */
    uint64_t zero;   /* the pattern that equals 0: that of -0.0, for integers 0 */
    int64_t done;    /* labels that have their codes */
    uint32_t *codes;
    int64_t *first; /* the label in which each level appears first; room for as many as the table has */
} hash_labels;

static inline uint64_t mix(uint64_t x) {
    x = (x ^ (x >> 32)) * UINT64_C(0xd6e8feb86659fd93); /* every bit reaches the uppermost ones */
    return (x ^ (x >> 32)) * UINT64_C(0xd6e8feb86659fd93);
}

static inline size_t home_of(const hash_table *table, uint64_t hash) { return (size_t)(hash >> (64 - table->bits)); }

static inline size_t next_to(const hash_table *table, size_t place) {
    return (place + 1) & (((size_t)1 << table->bits) - 1);
}

static void hash_use(hash_table *table, hash_slot *slots, int bits) {
    table->slots = slots;
    table->bits = bits;
    table->room = ((int64_t)5 << bits) / 8 - HASH_BLOCK;
}

/* All that is in one table into an empty, larger one. */
static void hash_move(hash_table *table, hash_slot *slots, int bits, int words) {
    const hash_slot *old = table->slots;
    const size_t size = old ? (size_t)1 << table->bits : 0;
    hash_use(table, slots, bits);
    for (size_t i = 0; i < size; i++) {
        if (!old[i].code)
            continue;
        size_t place = home_of(table, words ? mix(old[i].key) : old[i].key);
        while (slots[place].code)
            place = next_to(table, place);
        slots[place] = old[i];
    }
}

static inline int64_t block_end(const hash_labels *work, int64_t end) {
    return end - work->done < HASH_BLOCK ? end : work->done + HASH_BLOCK;
}

static void load_keys(const hash_labels *work, int64_t end, uint64_t *keys) {
    const char *labels = work->labels + work->done * work->item;
    const int64_t n = end - work->done;
    for (int64_t i = 0; i < n; i++) {
        uint64_t wide;
        uint32_t middle;
        uint16_t narrow;
        switch (work->item) {
            case 8:
                memcpy(&wide, labels + 8 * i, 8);
                break;
            case 4:
                memcpy(&middle, labels + 4 * i, 4);
                wide = middle;
                break;
            case 2:
                memcpy(&narrow, labels + 2 * i, 2);
                wide = narrow;
                break;
            default:
                wide = (uint8_t)labels[i];
        }
        keys[i] = wide == work->zero ? 0 : wide;
    }
}

/* Labels of 1, 2, 4 or 8 bytes that are equal where their bits are, up to `end` or until the table needs room. */
static void number_words(hash_labels *work, int64_t end) {
    hash_table *table = &work->table;
    hash_slot *slots = table->slots;
    uint64_t keys[HASH_BLOCK];
    size_t places[HASH_BLOCK];
    while (work->done < end && table->levels < table->room) {
        const int64_t begin = work->done, last = block_end(work, end);
        load_keys(work, last, keys);
        for (int64_t i = 0; i < last - begin; i++) {
            places[i] = home_of(table, mix(keys[i]));
            PREFETCH(slots + places[i]);
        }
        for (int64_t i = 0; i < last - begin; i++) {
            size_t place = places[i];
            while (slots[place].key != keys[i] || !slots[place].code) {
                if (!slots[place].code) {
                    work->first[table->levels] = begin + i;
                    slots[place] = (hash_slot){keys[i], ++table->levels};
                    break;
                }
                place = next_to(table, place);
            }
            work->codes[begin + i] = (uint32_t)(slots[place].code - 1);
        }
        work->done = last;
    }
}

static inline uint64_t hash_of_bytes(const char *label, int64_t size) {
    uint64_t hash = 0, word;
    int64_t i = 0;
    for (; i + 8 <= size; i += 8) {
        memcpy(&word, label + i, 8);
        hash = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
        hash ^= hash >> 32;
    }
    word = 0;
    memcpy(&word, label + i, (size_t)(size - i));
    return mix(hash ^ word);
}

static inline int same_bytes(const char *a, const char *b, int64_t size) {
    uint64_t x, y;
    int64_t i = 0;
    for (; i + 8 <= size; i += 8) {
        memcpy(&x, a + i, 8);
        memcpy(&y, b + i, 8);
        if (x != y)
            return 0;
    }
    return memcmp(a + i, b + i, (size_t)(size - i)) == 0;
}

/* Labels of any size that are equal where their bytes are. */
static void number_bytes(hash_labels *work, int64_t end) {
    hash_table *table = &work->table;
    hash_slot *slots = table->slots;
    const int64_t item = work->item;
    uint64_t hashes[HASH_BLOCK];
    while (work->done < end && table->levels < table->room) {
        const int64_t begin = work->done, last = block_end(work, end);
        for (int64_t i = 0; i < last - begin; i++) {
            hashes[i] = hash_of_bytes(work->labels + (begin + i) * item, item);
            PREFETCH(slots + home_of(table, hashes[i]));
        }
        for (int64_t i = 0; i < last - begin; i++) { /* the level it probably is */
            const hash_slot *slot = slots + home_of(table, hashes[i]);
            if (slot->code)
                PREFETCH(work->labels + work->first[slot->code - 1] * item);
        }
        for (int64_t i = 0; i < last - begin; i++) {
            const char *label = work->labels + (begin + i) * item;
            size_t place = home_of(table, hashes[i]);
            for (;; place = next_to(table, place)) {
                if (!slots[place].code) {
                    work->first[table->levels] = begin + i;
                    slots[place] = (hash_slot){hashes[i], ++table->levels};
                    break;
                }
                if (slots[place].key == hashes[i] &&
                    same_bytes(work->labels + work->first[slots[place].code - 1] * item, label, item))
                    break;
            }
            work->codes[begin + i] = (uint32_t)(slots[place].code - 1);
        }
        work->done = last;
    }
}

/* The final codes of the labels: what became of the numbers they had. */
#define DEFINE_RENUMBER(type)                                                                                            \
    static void renumber_##type(const uint32_t *codes, int64_t n, const void *table, void *out) {                        \
        const type##_t *numbers = table;                                                                                 \
        type##_t *to = out;                                                                                              \
        for (int64_t i = 0; i < n; i++)                                                                                  \
            to[i] = numbers[codes[i]];                                                                                   \
    }

DEFINE_RENUMBER(uint8)
DEFINE_RENUMBER(uint16)
DEFINE_RENUMBER(uint32)

static void renumber(const uint32_t *codes, int64_t n, int64_t item, const void *table, void *out) {
    if (item == 1)
        renumber_uint8(codes, n, table, out);
    else if (item == 2)
        renumber_uint16(codes, n, table, out);
    else
        renumber_uint32(codes, n, table, out);
}

#endif
