{{/*
What the hub is told, cut by what an edit asks for: a restart of the hub (the first two), or nothing but the next start
of a server (the third, which the hub reads from the cluster for each start).
*/}}
{{- define "jupyterhub-base.values" -}}
{{- $hub := pick .Values.hub "activeServerLimit" "allowNamedServers" "baseUrl" "concurrentSpawnLimit" "consecutiveFailureLimit" "demoLogin" "gate" "namedServerLimitPerUser" "redirectToServer" "shutdownOnLogout" }}
{{- $_ := set $hub "db" (pick .Values.hub.db "type" "upgrade") }}
{{- dict "Chart" (dict "Name" .Chart.Name) "Release" (dict "Name" .Release.Name "Namespace" .Release.Namespace) "hub" $hub "cull" .Values.cull "debug" .Values.debug | toPrettyJson }}
{{- end }}

{{/* Free-form values, which may hold secrets. */}}
{{- define "jupyterhub-base.secretValues" -}}
{{- $hub := pick .Values.hub "config" "extraConfig" "loadRoles" "services" "templateVars" }}
{{- $_ := set $hub "db" (pick .Values.hub.db "url") }}
{{- $singleuser := omit .Values.singleuser "cpu" "defaultUrl" "extraResource" "image" "memory" "networkPolicy" "profileList" }}
{{- dict "custom" .Values.custom "hub" $hub "singleuser" $singleuser | toPrettyJson }}
{{- end }}

{{- define "jupyterhub-base.liveValues" -}}
{{- $singleuser := pick .Values.singleuser "cpu" "defaultUrl" "extraResource" "memory" "profileList" }}
{{- $image := .Values.singleuser.image }}
{{- $_ := set $singleuser "image" (merge (dict "pullSecrets" (concat .Values.imagePullSecrets $image.pullSecrets | uniq)) $image) }}
{{- dict "singleuser" $singleuser | toPrettyJson }}
{{- end }}
