// An OTLP/HTTP receiver: requests are decoded by the OpenTelemetry Collector's own data module, and every span is written as one JSON line.
package main

import (
	"encoding/json"
	"io"
	"log"
	"net/http"
	"os"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
)

func main() {
	http.HandleFunc("GET /ready", func(http.ResponseWriter, *http.Request) {})
	http.HandleFunc("POST /v1/traces", receive)
	log.Fatal(http.ListenAndServe(os.Args[1], nil))
}

func receive(reply http.ResponseWriter, request *http.Request) {
	body, err := io.ReadAll(request.Body)
	export := ptraceotlp.NewExportRequest()
	isJSON := strings.HasPrefix(request.Header.Get("Content-Type"), "application/json")
	if err == nil && isJSON {
		err = export.UnmarshalJSON(body)
	} else if err == nil {
		err = export.UnmarshalProto(body)
	}
	if err != nil {
		http.Error(reply, err.Error(), http.StatusBadRequest)
		return
	}
	writeSpans(export.Traces())
	reply.Header().Set("Content-Type", request.Header.Get("Content-Type"))
	response, encode := ptraceotlp.NewExportResponse(), ptraceotlp.ExportResponse.MarshalProto
	if isJSON {
		encode = ptraceotlp.ExportResponse.MarshalJSON
	}
	if text, err := encode(response); err == nil {
		_, _ = reply.Write(text)
	}
}

func writeSpans(traces ptrace.Traces) {
	out := json.NewEncoder(os.Stdout)
	for _, resource := range traces.ResourceSpans().All() {
		for _, scope := range resource.ScopeSpans().All() {
			for _, span := range scope.Spans().All() {
				_ = out.Encode(lineOf(resource.Resource().Attributes(), span))
			}
		}
	}
}

func lineOf(resource pcommon.Map, span ptrace.Span) map[string]any {
	return map[string]any{
		"name": span.Name(), "kind": span.Kind().String(), "status": span.Status().Code().String(),
		"trace_id": span.TraceID().String(), "span_id": span.SpanID().String(), "parent_span_id": span.ParentSpanID().String(),
		"start": span.StartTimestamp().AsTime().UnixMicro(), "end": span.EndTimestamp().AsTime().UnixMicro(),
		"attributes": span.Attributes().AsRaw(), "resource": resource.AsRaw(),
	}
}
