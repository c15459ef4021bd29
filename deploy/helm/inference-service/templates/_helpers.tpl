{{- define "inference-service.name" -}}
{{- .Chart.Name | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "inference-service.fullname" -}}
{{- if contains .Chart.Name .Release.Name }}
{{- .Release.Name | trunc 52 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 52 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "inference-service.selectorLabels" -}}
app.kubernetes.io/name: {{ include "inference-service.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "inference-service.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{ include "inference-service.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- define "inference-service.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "inference-service.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{- define "inference-service.image" -}}
{{- with .Values.image }}
{{- if .digest }}{{ .repository }}@{{ .digest }}{{ else }}{{ .repository }}:{{ default $.Chart.AppVersion .tag }}{{ end }}
{{- end }}
{{- end }}

{{/* The configuration file: the values, and on top what the chart itself decides. */}}
{{- define "inference-service.config" -}}
{{- $values := .Values }}
{{- $config := deepCopy $values.config }}
{{- $set := dict
  "host" "0.0.0.0"
  "data" "/data"
  "models" (dict "directory" "/models")
  "features" (dict "file" "/etc/inference-service/features.yaml") }}
{{- if $values.apiKeys.secretName }}
{{- $_ := set $set "auth" (dict "keys_file" "/etc/inference-service/keys/keys.yaml") }}
{{- end }}
{{- if eq $config.tls.mode "required" }}
{{- $_ := set $set "tls" (dict "cert_file" "/etc/inference-service/tls/tls.crt" "key_file" "/etc/inference-service/tls/tls.key") }}
{{- end }}
{{- if not (hasKey ($config.rate_limit | default dict) "replicas") }}
{{- $_ := set $set "rate_limit" (dict "replicas" (ternary $values.autoscaling.maxReplicas $values.replicaCount $values.autoscaling.enabled)) }}
{{- end }}
environment: {{ $values.environment }}
inference_service:
  {{- mergeOverwrite $config $set | toYaml | nindent 2 }}
{{- end }}

{{/* What would start and not serve is refused here, with the value to set. */}}
{{- define "inference-service.check" -}}
{{- $values := .Values }}
{{- $config := $values.config }}
{{- if and (eq $config.tls.mode "required") (not $values.tls.secretName) }}
{{- fail "config.tls.mode is required: name a Secret of type kubernetes.io/tls in tls.secretName, or set config.tls.mode=terminated_upstream where an ingress or a mesh ends TLS" }}
{{- end }}
{{- if and (eq $config.auth.mode "required") (not (or $values.apiKeys.secretName $config.auth.jwt (hasKey $values.secrets "DATABASE_URL") (hasKey $values.secrets "INFERENCE_SERVICE__DATABASE__URL"))) }}
{{- fail "config.auth.mode is required and there is no key: name a Secret in apiKeys.secretName, or set config.auth.jwt, or keep keys in PostgreSQL (secrets.DATABASE_URL)" }}
{{- end }}
{{- $remote := or (($config.model_server | default dict).url) (($config.mlflow | default dict).tracking_uri) }}
{{- if and (eq $values.models.source "none") (not $remote) }}
{{- fail "there is no model: set models.source (pvc, s3, gcs), or config.model_server.url, or config.mlflow.tracking_uri" }}
{{- end }}
{{- if and $values.serviceMonitor.enabled (eq ($config.auth.metrics | default "open") "protected") (ne $config.auth.mode "none") (not $values.serviceMonitor.apiKeySecret.name) }}
{{- fail "config.auth.metrics is protected: name a key with the scope metrics:read in serviceMonitor.apiKeySecret, or set config.auth.metrics=open" }}
{{- end }}
{{- if and $values.migrate.enabled (not (or $values.migrate.databaseUrlSecret.name (hasKey $values.secrets "DATABASE_URL") (hasKey $values.secrets "INFERENCE_SERVICE__DATABASE__URL"))) }}
{{- fail "migrate.enabled: name the database in secrets.DATABASE_URL or migrate.databaseUrlSecret" }}
{{- end }}
{{- end }}

{{/* Longest way from SIGTERM to the end: what the service takes, and a moment for the process itself. */}}
{{- define "inference-service.graceSeconds" -}}
{{- $http := .Values.config.http | default dict }}
{{- $drain := dig "drain_delay_seconds" 0 $http }}
{{- $close := dig "shutdown_grace_seconds" 25 $http }}
{{- add (ceil $drain) (ceil $close) .Values.preStopSeconds 5 }}
{{- end }}

{{- define "inference-service.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: { drop: [ALL] }
{{- end }}

{{- define "inference-service.probe" -}}
httpGet:
  path: {{ .path }}
  port: http
  scheme: {{ ternary "HTTPS" "HTTP" (eq .tls "required") }}
timeoutSeconds: 3
{{- end }}
