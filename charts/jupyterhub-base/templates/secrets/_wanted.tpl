{{/* What the one-time Job is to make, as JSON; both null where it has nothing to do. */}}
{{- define "jupyterhub-base.wantedSecrets" -}}
{{- $keys := dict }}
{{- if not .Values.hub.existingSecret }}
{{- $keys = dict "hub.config.JupyterHub.cookie_secret" "hex32" "hub.config.CryptKeeper.keys" "hex32" "proxy.token" "hex32" }}
{{- range $name, $service := .Values.hub.services }}
{{- if not $service.apiToken }}
{{- $_ := set $keys (printf "hub.services.%s.apiToken" $name) "hex32" }}
{{- end }}
{{- end }}
{{- if .Values.hub.gate.enabled }}
{{- $_ := set $keys "hub.services.hubfleet-gate.apiToken" "hex32" }}
{{- end }}
{{- end }}
{{- $login := dict }}
{{- if .Values.hub.demoLogin.enabled }}
{{- $login = dict "username" .Values.hub.demoLogin.username "gate" "hubfleet-gate" }}
{{- end }}
{{- if or $keys $login }}
{{- dict "hub" $keys "login" $login | toJson }}
{{- end }}
{{- end }}

{{/* Metadata of everything that the Job needs; all of it is gone when the Job is done. */}}
{{- define "jupyterhub-base.secretsMetadata" -}}
name: {{ include "jupyterhub-base.hub-secrets" .root }}
labels:
  {{- include "jupyterhub-base.labels" (dict "root" .root "component" "secrets") | nindent 2 }}
annotations:
  helm.sh/hook: pre-install,pre-upgrade
  helm.sh/hook-weight: {{ .weight | quote }}
  helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
{{- end }}
