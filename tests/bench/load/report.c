#include "report.h"

#include <stdio.h>
#include <stdlib.h>

static const struct {
    const char *name;
    double share;
} percentiles[] = {
    {"p50_us", 0.5},
    {"p90_us", 0.9},
    {"p99_us", 0.99},
    {"p999_us", 0.999},
};

enum { PERCENTILES = sizeof percentiles / sizeof percentiles[0] };

/* Where the curve of a chart is drawn through. */
static const double curve[] = {0,     0.25,  0.5,    0.75,   0.9,     0.95,    0.975, 0.99,
                               0.995, 0.999, 0.9995, 0.9999, 0.99995, 0.99999, 1};

static double percentile_us(const struct histogram *histogram, double share)
{
    return (double)histogram_percentile_ns(histogram, share) / 1000;
}

/* The inside of an object: what is known of a route, or of all. */
static void print_counts(const struct counts *counts)
{
    const struct histogram *latency = &counts->latency;

    printf("\"requests\": %llu, \"failed\": %llu, \"errors\": %llu, \"mean_body\": %.1f, ",
           (unsigned long long)latency->count, (unsigned long long)counts_failed(counts),
           (unsigned long long)counts_errors(counts),
           (double)counts->body_bytes / (double)(latency->count > 0 ? latency->count : 1));
    for (unsigned i = 1; i < 6; i++) {
        printf("\"status_%uxx\": %llu, ", i, (unsigned long long)counts->statuses[i]);
    }
    for (unsigned i = 0; i < FAILURES; i++) {
        printf("\"error_%s\": %llu, ", failure_name(i), (unsigned long long)counts->failures[i]);
    }
    printf("\"mean_us\": %.1f, ", histogram_mean_ns(latency) / 1000);
    for (unsigned i = 0; i < PERCENTILES; i++) {
        printf("\"%s\": %.1f, ", percentiles[i].name, percentile_us(latency, percentiles[i].share));
    }
    printf("\"max_us\": %.1f", (double)latency->max_ns / 1000);
}

static void print_curve(const struct histogram *latency)
{
    printf("\"curve\": [");
    for (unsigned i = 0; i < sizeof curve / sizeof curve[0]; i++) {
        printf("%s[%.5f, %.1f]", i > 0 ? ", " : "", curve[i], percentile_us(latency, curve[i]));
    }
    printf("]");
}

void report_json(const struct report *report)
{
    const struct tally *tally = report->tally;
    struct counts *sum = tally_sum(tally);

    printf("{");
    print_counts(sum);
    printf(",\n \"seconds\": %.6f, \"rate\": %.1f, \"rate_wanted\": %.1f, \"closed\": %llu,\n",
           report->seconds, (double)sum->latency.count / report->seconds, report->rate,
           (unsigned long long)tally->reopened);
    printf(" \"service_p99_us\": %.1f, \"service_p999_us\": %.1f, ",
           percentile_us(&tally->service, 0.99), percentile_us(&tally->service, 0.999));
    printf("\"late_p99_us\": %.1f, \"late_max_us\": %.1f, \"generator_cpu_s\": %.3f,\n ",
           percentile_us(&tally->late, 0.99), (double)tally->late.max_ns / 1000,
           report->cpu_seconds);
    print_curve(&sum->latency);
    printf(",\n \"routes\": [");
    for (unsigned i = 0; i < report->mix->route_count; i++) {
        printf("%s\n  {\"name\": \"%s\", ", i > 0 ? "," : "", report->mix->routes[i].name);
        print_counts(&tally->routes[i]);
        printf("}");
    }
    printf("]}\n");
    free(sum);
}

static void print_row(const char *name, const struct counts *counts)
{
    printf("%-20s %10llu %8llu", name, (unsigned long long)counts->latency.count,
           (unsigned long long)counts_failed(counts));
    for (unsigned i = 0; i < PERCENTILES; i++) {
        printf(" %10.1f", percentile_us(&counts->latency, percentiles[i].share));
    }
    printf(" %10.1f\n", (double)counts->latency.max_ns / 1000);
}

static void print_failures(const struct counts *sum)
{
    for (unsigned i = 1; i < 6; i++) {
        if (sum->statuses[i] > 0) {
            printf("%uxx %llu  ", i, (unsigned long long)sum->statuses[i]);
        }
    }
    for (unsigned i = 0; i < FAILURES; i++) {
        if (sum->failures[i] > 0) {
            printf("%s %llu  ", failure_name(i), (unsigned long long)sum->failures[i]);
        }
    }
    printf("reopened connections ");
}

void report_table(const struct report *report)
{
    struct counts *sum = tally_sum(report->tally);

    printf("%-20s %10s %8s %10s %10s %10s %10s %10s\n", "route", "answers", "failed", "p50 us",
           "p90 us", "p99 us", "p99.9 us", "max us");
    for (unsigned i = 0; report->mix->route_count > 1 && i < report->mix->route_count; i++) {
        print_row(report->mix->routes[i].name, &report->tally->routes[i]);
    }
    print_row("all", sum);
    printf("\n%.1f requests/s over %.2f s", (double)sum->latency.count / report->seconds,
           report->seconds);
    if (report->rate > 0) {
        printf(", wanted %.1f; sent late by the generator itself: p99 %.1f us, max %.1f us",
               report->rate, percentile_us(&report->tally->late, 0.99),
               (double)report->tally->late.max_ns / 1000);
    }
    printf("\n");
    print_failures(sum);
    printf("%llu\n", (unsigned long long)report->tally->reopened);
    free(sum);
}
