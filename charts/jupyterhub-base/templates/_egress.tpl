{{/*
Egress rules that a component's `networkPolicy.egressAllowRules` switches on; the names are zero-to-jupyterhub's.
A NetworkPolicy can only allow, so the cloud's metadata server is left out of every wider range here.
*/}}
{{- define "jupyterhub-base.egress" -}}
{{- with .egressAllowRules }}
{{- if .dnsPortsKubeSystemNamespace }}
- to:
    - namespaceSelector:
        matchLabels:
          kubernetes.io/metadata.name: kube-system
  ports:
    - {port: 53, protocol: UDP}
    - {port: 53, protocol: TCP}
{{- end }}
{{- if .dnsPortsCloudMetadataServer }}
- to:
    - ipBlock: {cidr: 169.254.169.254/32}
  ports:
    - {port: 53, protocol: UDP}
    - {port: 53, protocol: TCP}
{{- end }}
{{- if .dnsPortsPrivateIPs }}
- to:
{{ include "jupyterhub-base.privateIPs" nil | indent 4 }}
  ports:
    - {port: 53, protocol: UDP}
    - {port: 53, protocol: TCP}
{{- end }}
{{- if .nonPrivateIPs }}
- to:
    - ipBlock:
        cidr: 0.0.0.0/0
        except: [10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, 169.254.0.0/16]
    - ipBlock:
        cidr: ::/0
        except: ["fc00::/7", "fe80::/10"]
{{- end }}
{{- if .privateIPs }}
- to:
{{ include "jupyterhub-base.privateIPs" nil | indent 4 }}
{{- end }}
{{- if .cloudMetadataServer }}
- to:
    - ipBlock: {cidr: 169.254.169.254/32}
{{- end }}
{{- end }}
{{- with .egress }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "jupyterhub-base.privateIPs" -}}
- ipBlock: {cidr: 10.0.0.0/8}
- ipBlock: {cidr: 172.16.0.0/12}
- ipBlock: {cidr: 192.168.0.0/16}
- ipBlock:
    cidr: fc00::/7
    except: ["fd00:ec2::254/128"]
{{- end }}

{{/* Peer: the namespace whose ingress and Prometheus reach this release; nothing where there is none. */}}
{{- define "jupyterhub-base.monitoringPeer" -}}
{{- with .Values.monitoring.namespace }}
- namespaceSelector:
    matchLabels:
      kubernetes.io/metadata.name: {{ . }}
{{- end }}
{{- end }}

{{/* Peer: the pods of a component of this release. */}}
{{- define "jupyterhub-base.componentPeer" -}}
- podSelector:
    matchLabels:
{{ include "jupyterhub-base.matchLabels" . | indent 6 }}
{{- end }}
