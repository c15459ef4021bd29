#include "report.h"

#include <stdio.h>

static void print_histogram(const char *name, const Histogram *histogram, int with_buckets) {
  double mean = histogram->total > 0 ? histogram->sum / (double)histogram->total / 1e3 : 0;
  printf("\"%s\":{\"count\":%llu,\"mean\":%.2f", name, (unsigned long long)histogram->total, mean);
  static const struct {
    const char *name;
    double quantile;
  } quantiles[] = {{"p50", 0.5}, {"p90", 0.9}, {"p95", 0.95}, {"p99", 0.99}, {"p999", 0.999}};
  for (size_t index = 0; index < sizeof quantiles / sizeof quantiles[0]; index++)
    printf(",\"%s\":%.2f", quantiles[index].name, (double)histogram_quantile(histogram, quantiles[index].quantile) / 1e3);
  printf(",\"max\":%.2f", (double)histogram->max / 1e3);
  if (with_buckets) {
    printf(",\"histogram\":[");
    const char *comma = "";
    for (uint32_t index = 0; index < HISTOGRAM_BUCKETS; index++) {
      if (histogram->buckets[index] == 0) continue;
      printf("%s[%llu,%llu]", comma, (unsigned long long)histogram_value(index),
             (unsigned long long)histogram->buckets[index]);
      comma = ",";
    }
    printf("]");
  }
  printf("}");
}

static void print_counts(const Stats *stats) {
  printf("\"counts\":{\"due\":%llu,\"sent\":%llu,\"answered\":%llu,\"answered_in_all\":%llu,\"good\":%llu,\"late\":%llu,\"wrong\":%llu",
         (unsigned long long)stats->due, (unsigned long long)stats->sent, (unsigned long long)stats->answered,
         (unsigned long long)stats->answered_in_all, (unsigned long long)stats->good, (unsigned long long)stats->late, (unsigned long long)stats->wrong);
  printf(",\"timeouts\":%llu,\"resets\":%llu,\"broken\":%llu},\"status\":{", (unsigned long long)stats->timeouts,
         (unsigned long long)stats->resets, (unsigned long long)stats->broken);
  const char *comma = "";
  for (int status = 0; status < 600; status++) {
    if (stats->by_status[status] == 0) continue;
    printf("%s\"%d\":%llu", comma, status, (unsigned long long)stats->by_status[status]);
    comma = ",";
  }
  printf("}");
}

static void print_generator(const Options *options, const Generator *generator) {
  double cpu_share = generator->wall_s > 0 ? generator->cpu_s / generator->wall_s : 0;
  double busy = generator->wall_s > 0 ? 1 - generator->idle_s / generator->wall_s : 0;
  double lag_p99_us = (double)histogram_quantile(&generator->lag, 0.99) / 1e3;
  /* The generator had its core to itself, time to spare, and turned to each request when it was due. */
  int in_time = options->closed || (busy < 0.9 && lag_p99_us < 1000);
  int own_core = options->relaxed || cpu_share > 0.95;
  printf("\"generator\":{\"busy\":%.4f,\"cpu_share\":%.4f,\"trustworthy\":%s,", busy, cpu_share,
         in_time && own_core ? "true" : "false");
  print_histogram("lag_us", &generator->lag, 0);
  printf("}");
}

void print_report(const Options *options, const Stats *stats, const Generator *generator) {
  double seconds = options->duration_s;
  printf("{\"mode\":\"%s\",\"duration_s\":%.3f,\"connections\":%d,\"limit_ms\":%.1f,", options->closed ? "closed" : "open",
         seconds, options->connections, options->limit_ms);
  printf("\"rate\":%.3f,\"due_rps\":%.3f,\"sent_rps\":%.3f,\"answered_rps\":%.3f,\"good_rps\":%.3f,\"body_bytes\":%.1f,",
         options->rate, (double)stats->due / seconds, (double)stats->sent / seconds, (double)stats->answered / seconds,
         (double)stats->good / seconds, stats->answered > 0 ? (double)stats->body_bytes / (double)stats->answered : 0);
  print_counts(stats);
  printf(",\"latency_us\":{");
  print_histogram("all", &stats->all, options->histograms);
  printf(",");
  print_histogram("ok", &stats->ok, options->histograms);
  printf(",");
  print_histogram("refused", &stats->refused, options->histograms);
  printf("},");
  print_generator(options, generator);
  printf("}\n");
}
