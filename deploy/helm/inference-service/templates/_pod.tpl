{{/* Variables of the service and of the commands beside it. */}}
{{- define "inference-service.env" -}}
- name: ENVIRONMENT
  value: {{ .Values.environment }}
{{- range $variable, $entry := .Values.secrets }}
- name: {{ $variable }}_FILE
  value: /etc/inference-service/secrets/{{ $variable }}
{{- end }}
{{- with .Values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "inference-service.settingsMounts" -}}
- name: config
  mountPath: /etc/inference-service/config.yaml
  subPath: config.yaml
  readOnly: true
{{- if .Values.featureViews }}
- name: config
  mountPath: /etc/inference-service/features.yaml
  subPath: features.yaml
  readOnly: true
{{- end }}
{{- if .Values.secrets }}
- name: secrets
  mountPath: /etc/inference-service/secrets
  readOnly: true
{{- end }}
{{- if .Values.apiKeys.secretName }}
- name: api-keys
  mountPath: /etc/inference-service/keys
  readOnly: true
{{- end }}
{{- if eq .Values.config.tls.mode "required" }}
- name: tls
  mountPath: /etc/inference-service/tls
  readOnly: true
{{- end }}
{{- with .Values.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "inference-service.volumes" -}}
- name: config
  configMap:
    name: {{ include "inference-service.fullname" . }}
- name: data
  emptyDir: { sizeLimit: {{ .Values.data.sizeLimit }} }
{{- if and (eq .Values.models.source "pvc") (not .Values.models.pvc.copy) }}
- name: models
  persistentVolumeClaim:
    claimName: {{ .Values.models.pvc.claimName }}
    readOnly: true
{{- else }}
- name: models
  emptyDir: { sizeLimit: {{ .Values.models.sizeLimit }} }
{{- end }}
{{- if and (eq .Values.models.source "pvc") .Values.models.pvc.copy }}
- name: models-source
  persistentVolumeClaim:
    claimName: {{ .Values.models.pvc.claimName }}
    readOnly: true
{{- end }}
{{- if has .Values.models.source (list "s3" "gcs") }}
- name: fetch-tmp
  emptyDir: {}
{{- end }}
{{- with .Values.models.gcs.credentialsSecret }}
{{- if and (eq $.Values.models.source "gcs") .name }}
- name: gcs-credentials
  secret:
    secretName: {{ .name }}
    items: [{ key: {{ .key }}, path: key.json }]
{{- end }}
{{- end }}
{{- if .Values.secrets }}
- name: secrets
  projected:
    defaultMode: 0440
    sources:
      {{- range $variable, $entry := .Values.secrets }}
      - secret:
          name: {{ $entry.name }}
          items: [{ key: {{ $entry.key }}, path: {{ $variable }} }]
      {{- end }}
{{- end }}
{{- with .Values.migrate.databaseUrlSecret }}
{{- if and $.Values.migrate.enabled .name }}
- name: migrate-database-url
  secret:
    secretName: {{ .name }}
    defaultMode: 0440
    items: [{ key: {{ .key }}, path: url }]
{{- end }}
{{- end }}
{{- with .Values.apiKeys }}
{{- if .secretName }}
- name: api-keys
  secret:
    secretName: {{ .secretName }}
    defaultMode: 0440
    items: [{ key: {{ .key }}, path: keys.yaml }]
{{- end }}
{{- end }}
{{- if eq .Values.config.tls.mode "required" }}
- name: tls
  secret:
    secretName: {{ .Values.tls.secretName }}
    defaultMode: 0440
{{- end }}
{{- with .Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* Fills /models before the service starts. */}}
{{- define "inference-service.fetchModels" -}}
{{- $models := .Values.models }}
- name: fetch-models
  {{- if eq $models.source "pvc" }}
  image: {{ include "inference-service.image" . }}
  imagePullPolicy: {{ .Values.image.pullPolicy }}
  command: [cp, -R, /source/., /models/]
  {{- else if eq $models.source "s3" }}
  image: {{ $models.s3.image }}
  command: [aws, s3, sync, {{ $models.s3.uri | quote }}, /models, --no-progress]
  {{- else }}
  image: {{ $models.gcs.image }}
  command: [gcloud, storage, rsync, --recursive, {{ $models.gcs.uri | quote }}, /models]
  {{- end }}
  {{- if eq $models.source "s3" }}
  env:
    - { name: HOME, value: /tmp }
    {{- with $models.s3.region }}
    - { name: AWS_REGION, value: {{ . | quote }} }
    {{- end }}
    {{- with $models.s3.endpointUrl }}
    - { name: AWS_ENDPOINT_URL, value: {{ . | quote }} }
    {{- end }}
  {{- with $models.s3.credentialsSecretName }}
  envFrom:
    - secretRef: { name: {{ . }} }
  {{- end }}
  {{- else if eq $models.source "gcs" }}
  env:
    - { name: HOME, value: /tmp }
    - { name: CLOUDSDK_CONFIG, value: /tmp/gcloud }
    {{- if $models.gcs.credentialsSecret.name }}
    - { name: CLOUDSDK_AUTH_CREDENTIAL_FILE_OVERRIDE, value: /credentials/key.json }
    {{- end }}
  {{- end }}
  resources:
    requests: { cpu: 100m, memory: 128Mi }
    limits: { memory: 512Mi }
  securityContext: {{- include "inference-service.containerSecurity" . | nindent 4 }}
  volumeMounts:
    - name: models
      mountPath: /models
    {{- if eq $models.source "pvc" }}
    - name: models-source
      mountPath: /source
      readOnly: true
      {{- with $models.pvc.subPath }}
      subPath: {{ . }}
      {{- end }}
    {{- else }}
    - name: fetch-tmp
      mountPath: /tmp
    {{- end }}
    {{- if and (eq $models.source "gcs") $models.gcs.credentialsSecret.name }}
    - name: gcs-credentials
      mountPath: /credentials
      readOnly: true
    {{- end }}
{{- end }}

{{/* May run in several pods at once: it takes a lock. */}}
{{- define "inference-service.migrate" -}}
- name: migrate
  image: {{ include "inference-service.image" . }}
  imagePullPolicy: {{ .Values.image.pullPolicy }}
  args: [database, migrate, --config, /etc/inference-service/config.yaml]
  env:
    {{- include "inference-service.env" . | nindent 4 }}
    {{- if .Values.migrate.databaseUrlSecret.name }}
    - name: INFERENCE_SERVICE__DATABASE__URL_FILE
      value: /etc/inference-service/migrate/url
    {{- end }}
  resources:
    requests: { cpu: 100m, memory: 128Mi }
    limits: { memory: 512Mi }
  securityContext: {{- include "inference-service.containerSecurity" . | nindent 4 }}
  volumeMounts:
    {{- include "inference-service.settingsMounts" . | nindent 4 }}
    {{- if .Values.migrate.databaseUrlSecret.name }}
    - name: migrate-database-url
      mountPath: /etc/inference-service/migrate
      readOnly: true
    {{- end }}
{{- end }}
