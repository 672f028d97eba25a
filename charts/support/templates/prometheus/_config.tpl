{{/*
The configuration of Prometheus: everything that carries the annotations

  prometheus.io/scrape: "true"
  prometheus.io/port: "8081"          where it is not the port that Kubernetes names
  prometheus.io/path: /hub/metrics    where it is not /metrics
  prometheus.io/scheme: https         where it is not http

on its Service or on its pod. What carries them on both would be scraped twice: choose one.
*/}}
{{- define "support.prometheusConfig" -}}
global:
  scrape_interval: {{ .Values.prometheus.scrapeInterval }}
  evaluation_interval: {{ .Values.prometheus.scrapeInterval }}
  {{- with .Values.prometheus.externalLabels }}
  external_labels: {{ toJson . }}
  {{- end }}
scrape_configs:
  - job_name: services
    kubernetes_sd_configs:
      - role: endpointslice
        # The proxies keep users' routes in EndpointSlices too, thousands of them, and none is a target.
        selectors:
          - role: endpointslice
            label: "!hubfleet/route"
    relabel_configs:
      {{- include "support.prometheusRelabel" "service" | nindent 6 }}
      - source_labels: [__meta_kubernetes_service_name]
        target_label: service
  - job_name: pods
    kubernetes_sd_configs:
      - role: pod
    relabel_configs:
      {{- include "support.prometheusRelabel" "pod" | nindent 6 }}
      - source_labels: [__meta_kubernetes_pod_phase]
        action: drop
        regex: Pending|Succeeded|Failed|Unknown
{{- end }}

{{/* Rules that read the annotations of an object: call with its kind, service or pod. */}}
{{- define "support.prometheusRelabel" -}}
- source_labels: [__meta_kubernetes_{{ . }}_annotation_prometheus_io_scrape]
  action: keep
  regex: "true"
- source_labels: [__meta_kubernetes_{{ . }}_annotation_prometheus_io_scheme]
  action: replace
  regex: (https?)
  target_label: __scheme__
- source_labels: [__meta_kubernetes_{{ . }}_annotation_prometheus_io_path]
  action: replace
  regex: (.+)
  target_label: __metrics_path__
# An address of IPv6 keeps its brackets.
- source_labels: [__address__, __meta_kubernetes_{{ . }}_annotation_prometheus_io_port]
  action: replace
  regex: (\[[^\]]+\]|[^:]+)(?::\d+)?;(\d+)
  replacement: $1:$2
  target_label: __address__
- source_labels: [__meta_kubernetes_namespace]
  target_label: namespace
- source_labels: [__meta_kubernetes_pod_name]
  target_label: pod
- source_labels: [__meta_kubernetes_{{ . }}_label_app_kubernetes_io_component]
  target_label: component
{{- end }}
