{{/* Combinations of values that each are right by themselves and cannot work together. */}}
{{- define "jupyterhub-base.validate" -}}
{{- $authenticator := dig "JupyterHub" "authenticator_class" "" .Values.hub.config }}
{{- if and .Values.hub.demoLogin.enabled $authenticator }}
{{- fail (printf "hub.config.JupyterHub.authenticator_class is %q while hub.demoLogin.enabled is true: set hub.demoLogin.enabled to false, for the demo login is an authenticator itself" $authenticator) }}
{{- end }}
{{- if and (not (hasPrefix "sqlite" .Values.hub.db.type)) (not .Values.hub.db.url) }}
{{- fail (printf "hub.db.url is empty while hub.db.type is %q: give the database's URL without its password, which belongs in the hub's Secret as hub.db.password" .Values.hub.db.type) }}
{{- end }}
{{- if and (eq .Values.singleuser.storage.type "static") (not .Values.singleuser.storage.static.pvcName) }}
{{- fail "singleuser.storage.static.pvcName is empty while singleuser.storage.type is \"static\": name the claim that all people share" }}
{{- end }}
{{- end }}
