#include "builder/summary.h"

#include <inttypes.h>
#include <stdio.h>
#include <sys/resource.h>

static void print_line(struct slice name, const struct collect_result *result)
{
    char rows[32];
    char keys[32];
    char in[32];
    char out[32];

    printf("%-20.*s %13s %13s %16s %16s\n", SLICE_ARG(name), grouped(rows, result->row_count),
           grouped(keys, result->key_count), grouped(in, result->source_bytes),
           grouped(out, result->file_bytes));
}

void summary_print(const struct definition *definition, const struct collect_result *results,
                   const struct build_result *total)
{
    struct collect_result sum = {0};
    struct rusage usage;

    printf("%-20s %13s %13s %16s %16s\n", "collection", "rows", "keys", "bytes read",
           "bytes written");
    for (unsigned i = 0; i < definition->collection_count; i++) {
        print_line(definition->collections[i].name, &results[i]);
        sum.row_count += results[i].row_count;
        sum.key_count += results[i].key_count;
        sum.source_bytes += results[i].source_bytes;
        sum.file_bytes += results[i].file_bytes;
        sum.duplicate_names += results[i].duplicate_names;
    }
    print_line(slice_str("total"), &sum);
    getrusage(RUSAGE_SELF, &usage);
    printf("release %06" PRIu64 " in %.1f s, peak memory %.0f MiB\n", total->number,
           (double)total->elapsed_ms / 1000, (double)usage.ru_maxrss / 1024);
    if (sum.duplicate_names > 0) {
        printf("%" PRIu64 " members of maps were left out: their name was there before\n",
               sum.duplicate_names);
    }
}
