{{- define "postfleet.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "postfleet.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 52 | trimSuffix "-" -}}
{{- else if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 52 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 52 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "postfleet.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "postfleet.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "postfleet.image" -}}
{{- printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) -}}
{{- end -}}

{{/* Labels of everything. */}}
{{- define "postfleet.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
app.kubernetes.io/name: {{ include "postfleet.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: postfleet
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}

{{/* What pods are chosen by; a list of the chart and the component. */}}
{{- define "postfleet.selector" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/name: {{ include "postfleet.name" $root }}
app.kubernetes.io/instance: {{ $root.Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end -}}

{{- define "postfleet.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{- define "postfleet.security" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end -}}

{{/* Variables of every process; secrets come as files. */}}
{{- define "postfleet.environment" -}}
- name: POSTFLEET_FILE__STORE__URL
  value: /run/secrets/connections/store-url
- name: POSTFLEET_FILE__QUEUE__URL
  value: /run/secrets/connections/queue-url
- name: CREDENTIALS_DIRECTORY
  value: /run/secrets/keys
- name: POSTFLEET__VAULT__CREDENTIAL
  value: postfleet-keys
- name: POSTFLEET__SHUTDOWN__GRACE_S
  value: {{ sub .Values.terminationGracePeriodSeconds .Values.preStopSeconds | quote }}
- name: POSTFLEET__SERVER__LISTEN
  value: 0.0.0.0:8080
- name: POSTFLEET__SERVER__PRIVATE_LISTEN
  value: 0.0.0.0:9464
- name: POSTFLEET__WORKERS__PRIVATE_LISTEN
  value: 0.0.0.0:9464
{{- end -}}

{{- define "postfleet.mounts" -}}
- name: config
  mountPath: /etc/postfleet
  readOnly: true
- name: connections
  mountPath: /run/secrets/connections
  readOnly: true
- name: keys
  mountPath: /run/secrets/keys
  readOnly: true
- name: tmp
  mountPath: /tmp
{{- end -}}

{{- define "postfleet.volumes" -}}
- name: config
  configMap:
    name: {{ include "postfleet.fullname" . }}
- name: connections
  secret:
    secretName: {{ .Values.secrets.connections }}
    defaultMode: 0440
- name: keys
  secret:
    secretName: {{ .Values.secrets.keys }}
    defaultMode: 0440
- name: tmp
  emptyDir:
    sizeLimit: 64Mi
{{- end -}}

{{/* A restart heals what liveness tells; what readiness tells, waiting does. */}}
{{- define "postfleet.probes" -}}
startupProbe:
  httpGet: { path: /healthz, port: operators }
  periodSeconds: 1
  failureThreshold: 60
livenessProbe:
  httpGet: { path: /healthz, port: operators }
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 6
readinessProbe:
  httpGet: { path: /readyz, port: operators }
  periodSeconds: 5
  timeoutSeconds: 5
  failureThreshold: 2
{{- end -}}

{{/* Where pods of a component go. */}}
{{- define "postfleet.placement" -}}
{{- $root := index . 0 -}}
{{- if $root.Values.topologySpread.enabled }}
topologySpreadConstraints:
  - maxSkew: 1
    topologyKey: kubernetes.io/hostname
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "postfleet.selector" . | nindent 8 }}
  - maxSkew: 1
    topologyKey: {{ $root.Values.topologySpread.zoneKey }}
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "postfleet.selector" . | nindent 8 }}
{{- end }}
{{- with $root.Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $root.Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $root.Values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}
