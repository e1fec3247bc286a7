#include "builder/summary.h"

#include <inttypes.h>
#include <stdio.h>
#include <sys/resource.h>

static void print_line(struct slice name, const struct work_result *result)
{
    char rows[32];
    char keys[32];
    char in[32];
    char out[32];
    uint64_t bytes_in = result->counts.source_bytes;

    printf("%-20.*s %13s %13s %16s %16s %6.2f\n", SLICE_ARG(name),
           grouped(rows, result->counts.row_count), grouped(keys, result->counts.key_count),
           grouped(in, bytes_in), grouped(out, result->file_bytes),
           bytes_in == 0 ? 0 : (double)result->file_bytes / (double)bytes_in);
}

static void add_counts(struct collect_counts *sum, const struct collect_counts *counts)
{
    sum->row_count += counts->row_count;
    sum->key_count += counts->key_count;
    sum->source_bytes += counts->source_bytes;
    sum->duplicate_names += counts->duplicate_names;
}

void summary_print(const struct definition *definition, const struct work_result *results,
                   const struct build_result *total)
{
    struct work_result sum = {.file_bytes = 0};
    double seconds = (double)total->elapsed_ms / 1000;
    char rate[32];
    struct rusage usage;

    printf("%-20s %13s %13s %16s %16s %6s\n", "collection", "rows", "keys", "bytes read",
           "bytes written", "ratio");
    for (unsigned i = 0; i < definition->collection_count; i++) {
        print_line(definition->collections[i].name, &results[i]);
        add_counts(&sum.counts, &results[i].counts);
        sum.file_bytes += results[i].file_bytes;
    }
    print_line(slice_str("total"), &sum);
    getrusage(RUSAGE_SELF, &usage);
    grouped(rate, seconds > 0 ? (uint64_t)((double)sum.counts.row_count / seconds) : 0);
    printf("release %06" PRIu64 " in %.1f s, %s rows/s, peak memory %.0f MiB\n", total->number,
           seconds, rate, (double)usage.ru_maxrss / 1024);
    if (sum.counts.duplicate_names > 0) {
        printf("%" PRIu64 " members of maps were left out: their name was there before\n",
               sum.counts.duplicate_names);
    }
}
