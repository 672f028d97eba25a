{{/* Names: one helper for each object, so that a name is written once. */}}
{{- define "jupyterhub-base.hub" -}}hub{{- end }}
{{- define "jupyterhub-base.hub-config" -}}hub-config{{- end }}
{{- define "jupyterhub-base.hub-values" -}}hub-values{{- end }}
{{- define "jupyterhub-base.hub-secret" -}}{{ .Values.hub.existingSecret | default "hub" }}{{- end }}
{{- define "jupyterhub-base.hub-login" -}}hub-login{{- end }}
{{- define "jupyterhub-base.hub-gate-login" -}}hub-gate-login{{- end }}
{{- define "jupyterhub-base.hub-secrets" -}}hub-secrets{{- end }}
{{- define "jupyterhub-base.hub-db" -}}hub-db-dir{{- end }}
{{- define "jupyterhub-base.hub-test" -}}hub-test{{- end }}
{{- define "jupyterhub-base.proxy" -}}proxy{{- end }}
{{- define "jupyterhub-base.proxy-api" -}}proxy-api{{- end }}
{{- define "jupyterhub-base.proxy-public" -}}proxy-public{{- end }}
{{- define "jupyterhub-base.proxy-routes" -}}proxy-routes{{- end }}
{{- define "jupyterhub-base.singleuser" -}}singleuser{{- end }}
{{- define "jupyterhub-base.singleuser-config" -}}singleuser-config{{- end }}
{{- define "jupyterhub-base.ingress" -}}jupyterhub{{- end }}

{{/* Labels of every object: (dict "root" $ "component" "hub"). */}}
{{- define "jupyterhub-base.labels" -}}
{{ include "jupyterhub-base.matchLabels" . }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
{{- end }}

{{/* Labels that select a component's pods; they never change. */}}
{{- define "jupyterhub-base.matchLabels" -}}
app.kubernetes.io/name: jupyterhub-base
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{/* NAME:TAG of an image's values. */}}
{{- define "jupyterhub-base.image" -}}
{{ .name }}{{ with .tag }}:{{ . }}{{ end }}
{{- end }}

{{/* imagePullSecrets of a pod: (dict "root" $ "images" (list ...)). */}}
{{- define "jupyterhub-base.imagePullSecrets" -}}
{{- $names := .root.Values.imagePullSecrets }}
{{- range .images }}{{ $names = concat $names .pullSecrets }}{{ end }}
{{- range uniq $names }}
- name: {{ . | quote }}
{{- end }}
{{- end }}

{{/* What Pod Security "restricted" asks of a pod and of a container. */}}
{{- define "jupyterhub-base.podSecurityContext" -}}
runAsNonRoot: true
runAsUser: 1000
runAsGroup: 1000
fsGroup: 1000
fsGroupChangePolicy: OnRootMismatch
seccompProfile:
  type: RuntimeDefault
{{- end }}
{{- define "jupyterhub-base.containerSecurityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}

{{/* Path prefix of everything that the hub itself answers, without a slash at the end. */}}
{{- define "jupyterhub-base.hubPrefix" -}}
{{ trimSuffix "/" .Values.hub.baseUrl }}/hub
{{- end }}

{{/* Environment variables from a map (name to text, or to an EnvVar without its name) or a list of EnvVar. */}}
{{- define "jupyterhub-base.env" -}}
{{- if kindIs "slice" . }}
{{- toYaml . }}
{{- else }}
{{- range $name, $value := . }}
- name: {{ $name | quote }}
{{- if kindIs "map" $value }}
{{ toYaml $value | indent 2 }}
{{- else }}
  value: {{ $value | quote }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
