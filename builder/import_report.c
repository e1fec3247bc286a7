#include <inttypes.h>

#include "base/progress.h"
#include "builder/import.h"

enum { GROUPED_SIZE = 27 };

static void print_line(FILE *to, struct slice table, struct slice file, uint64_t loaded,
                       uint64_t rejected, const char *took)
{
    char records_text[GROUPED_SIZE];
    char loaded_text[GROUPED_SIZE];
    char rejected_text[GROUPED_SIZE];

    fprintf(to, "%-24.*s %-28.*s %14s %14s %12s %9s\n", SLICE_ARG(table), SLICE_ARG(file),
            grouped(records_text, loaded + rejected), grouped(loaded_text, loaded),
            grouped(rejected_text, rejected), took);
}

static const char *seconds(char *text, int64_t took_ms)
{
    snprintf(text, GROUPED_SIZE, "%.1f", (double)took_ms / 1000);
    return text;
}

void import_report(const struct import_plan *plan, FILE *to)
{
    uint64_t loaded = 0;
    uint64_t rejected = 0;
    int64_t took_ms = 0;
    char took[GROUPED_SIZE];

    fprintf(to, "%-24s %-28s %14s %14s %12s %9s\n", "table", "file", "records", "loaded",
            "rejected", "seconds");
    for (unsigned i = 0; i < plan->table_count; i++) {
        const struct import_table *item = &plan->tables[i];

        if (item->is_loaded || item->is_skipped) {
            print_line(to, item->table->name, item->table->file, item->loaded, item->rejected,
                       item->is_skipped ? "skipped" : seconds(took, item->took_ms));
            loaded += item->loaded;
            rejected += item->rejected;
            took_ms += item->took_ms;
        }
    }
    print_line(to, slice_str("total"), slice_str(""), loaded, rejected, seconds(took, took_ms));
}

bool import_has_loaded(const struct import_plan *plan)
{
    for (unsigned i = 0; i < plan->table_count; i++) {
        if (plan->tables[i].is_loaded || plan->tables[i].is_skipped) {
            return true;
        }
    }
    return false;
}

uint64_t import_rejected(const struct import_plan *plan)
{
    uint64_t rejected = 0;

    for (unsigned i = 0; i < plan->table_count; i++) {
        rejected += plan->tables[i].rejected;
    }
    return rejected;
}
