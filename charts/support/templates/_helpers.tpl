{{/* Labels of every object; a version label stands in none, so that a stamped chart alone changes nothing. */}}
{{- define "support.labels" -}}
{{ include "support.selector" . }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
{{- end }}

{{/* Labels that select the pods of one component: call with (dict "root" $ "component" "ingress"). */}}
{{- define "support.selector" -}}
app.kubernetes.io/name: support
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{/* Name of a cluster-wide object: namespaced ones are simply called by their component. */}}
{{- define "support.clusterName" -}}
{{ printf "%s-%s" .root.Release.Namespace .component }}
{{- end }}

{{/* Reference and pull policy of an image: call with its values. */}}
{{- define "support.image" -}}
image: {{ printf "%s:%s" .name .tag | quote }}
imagePullPolicy: {{ .pullPolicy }}
{{- end }}

{{/* Pull secrets of a pod: call with (dict "root" $ "image" .Values.x.image). */}}
{{- define "support.pullSecrets" -}}
{{- with concat .root.Values.imagePullSecrets (.image.pullSecrets | default list) | uniq }}
imagePullSecrets: {{ toJson . }}
{{- end }}
{{- end }}

{{/* Security of a pod: call with (dict "uid" 65534). */}}
{{- define "support.podSecurity" -}}
runAsNonRoot: true
runAsUser: {{ .uid }}
runAsGroup: {{ .uid }}
fsGroup: {{ .uid }}
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{/* Security of every container. */}}
{{- define "support.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}
