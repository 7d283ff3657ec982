package gateway

import (
	"bytes"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/VictoriaMetrics/metrics"
)

// The types of Prometheus' text format that are used here.
const (
	gauge   = "gauge"
	counter = "counter"
)

// family is a metric's name, type and explanation.
type family struct{ name, kind, help string }

// exposition writes metrics in Prometheus' text format, version 0.0.4. Errors of the
// writer are the client's who went away.
type exposition struct {
	w    io.Writer
	name string
}

// open begins a metric.
func (e *exposition) open(name, kind, help string) {
	e.name = name
	fmt.Fprintf(e.w, "# HELP %s %s\n# TYPE %s %s\n", name, helpEscape.Replace(help), name, kind)
}

// value writes a value of the metric that is open. labels are names and values.
func (e *exposition) value(v float64, labels ...string) {
	var b strings.Builder
	b.WriteString(e.name)
	for i := 0; i+1 < len(labels); i += 2 {
		b.WriteByte("{,"[min(i, 1)])
		b.WriteString(labels[i] + `="` + labelEscape.Replace(labels[i+1]) + `"`)
	}
	if len(labels) > 0 {
		b.WriteByte('}')
	}
	b.WriteByte(' ')
	b.WriteString(strconv.FormatFloat(v, 'g', -1, 64))
	b.WriteByte('\n')
	_, _ = io.WriteString(e.w, b.String())
}

// one writes a metric that has one value.
func (e *exposition) one(name, kind, help string, v float64) {
	e.open(name, kind, help)
	e.value(v)
}

var (
	helpEscape  = strings.NewReplacer(`\`, `\\`, "\n", `\n`)
	labelEscape = strings.NewReplacer(`\`, `\\`, "\n", `\n`, `"`, `\"`)
)

// writeProcess writes the metrics of the Go runtime and the process, which the library
// collects without types and texts.
func writeProcess(e *exposition) {
	var b bytes.Buffer
	metrics.WriteProcessMetrics(&b)
	last := ""
	for line := range strings.Lines(b.String()) {
		end := strings.IndexAny(line, "{ ")
		if end <= 0 || line[0] == '#' {
			continue
		}
		sample := line[:end]
		f, ok := processMetric(sample)
		if !ok {
			continue
		}
		if f.name != last {
			e.open(f.name, f.kind, f.help)
			last = f.name
		}
		_, _ = io.WriteString(e.w, line)
	}
}

// processMetric returns the metric that a sample belongs to: a histogram or a summary
// has several. One that is not listed is not written, as nobody could say what it is.
func processMetric(sample string) (family, bool) {
	for _, suffix := range []string{"", "_bucket", "_sum", "_count"} {
		name, ok := strings.CutSuffix(sample, suffix)
		f, known := processMetrics[name]
		if ok && known && (suffix == "" || f.kind != gauge && f.kind != counter) {
			f.name = name
			return f, true
		}
	}
	return family{}, false
}

// processMetrics explains what the library collects.
var processMetrics = map[string]family{
	"go_cgo_calls_count":                            {kind: counter, help: "Calls from Go to C."},
	"go_cpu_count":                                  {kind: gauge, help: "CPUs of the machine."},
	"go_gc_cpu_seconds_total":                       {kind: counter, help: "CPU time of garbage collection."},
	"go_gc_duration_seconds":                        {kind: "summary", help: "Pauses of garbage collection."},
	"go_gc_forced_count":                            {kind: counter, help: "Garbage collections that the program asked for."},
	"go_gc_mark_assist_cpu_seconds_total":           {kind: counter, help: "CPU time that goroutines spent helping garbage collection."},
	"go_gc_pauses_seconds":                          {kind: "histogram", help: "Stop-the-world pauses of garbage collection."},
	"go_gomaxprocs":                                 {kind: gauge, help: "GOMAXPROCS."},
	"go_goroutines":                                 {kind: gauge, help: "Goroutines."},
	"go_info":                                       {kind: gauge, help: "1; the label is the version of Go."},
	"go_info_ext":                                   {kind: gauge, help: "1; the labels say what the program was built with."},
	"go_memlimit_bytes":                             {kind: gauge, help: "Go's soft memory limit."},
	"go_memstats_alloc_bytes":                       {kind: gauge, help: "Bytes of live heap objects."},
	"go_memstats_alloc_bytes_total":                 {kind: counter, help: "Bytes of all heap objects that were allocated."},
	"go_memstats_buck_hash_sys_bytes":               {kind: gauge, help: "Memory of profiling tables."},
	"go_memstats_frees_total":                       {kind: counter, help: "Heap objects that were freed."},
	"go_memstats_gc_cpu_fraction":                   {kind: gauge, help: "Share of the CPU time that garbage collection took."},
	"go_memstats_gc_sys_bytes":                      {kind: gauge, help: "Memory of garbage collection's metadata."},
	"go_memstats_heap_alloc_bytes":                  {kind: gauge, help: "Bytes of live heap objects."},
	"go_memstats_heap_idle_bytes":                   {kind: gauge, help: "Heap memory without objects."},
	"go_memstats_heap_inuse_bytes":                  {kind: gauge, help: "Heap memory with objects."},
	"go_memstats_heap_objects":                      {kind: gauge, help: "Heap objects."},
	"go_memstats_heap_released_bytes":               {kind: gauge, help: "Heap memory that was given back to the system."},
	"go_memstats_heap_sys_bytes":                    {kind: gauge, help: "Heap memory from the system."},
	"go_memstats_last_gc_time_seconds":              {kind: gauge, help: "When the last garbage collection ended, in seconds since 1970."},
	"go_memstats_lookups_total":                     {kind: counter, help: "Pointer lookups of the runtime."},
	"go_memstats_mallocs_total":                     {kind: counter, help: "Heap objects that were allocated."},
	"go_memstats_mcache_inuse_bytes":                {kind: gauge, help: "Memory of allocation caches."},
	"go_memstats_mcache_sys_bytes":                  {kind: gauge, help: "Memory of allocation caches from the system."},
	"go_memstats_mspan_inuse_bytes":                 {kind: gauge, help: "Memory of span structures."},
	"go_memstats_mspan_sys_bytes":                   {kind: gauge, help: "Memory of span structures from the system."},
	"go_memstats_next_gc_bytes":                     {kind: gauge, help: "Heap size at which the next garbage collection begins."},
	"go_memstats_other_sys_bytes":                   {kind: gauge, help: "Other memory of the runtime."},
	"go_memstats_stack_inuse_bytes":                 {kind: gauge, help: "Memory of stacks."},
	"go_memstats_stack_sys_bytes":                   {kind: gauge, help: "Memory of stacks from the system."},
	"go_memstats_sys_bytes":                         {kind: gauge, help: "All memory from the system."},
	"go_mutex_wait_seconds_total":                   {kind: counter, help: "Time that goroutines waited for mutexes."},
	"go_sched_latencies_seconds":                    {kind: "histogram", help: "Time that goroutines waited for a processor."},
	"go_scavenge_cpu_seconds_total":                 {kind: counter, help: "CPU time of giving memory back to the system."},
	"go_threads":                                    {kind: gauge, help: "Threads of the Go runtime."},
	"process_cpu_seconds_system_total":              {kind: counter, help: "CPU time in the kernel."},
	"process_cpu_seconds_total":                     {kind: counter, help: "CPU time."},
	"process_cpu_seconds_user_total":                {kind: counter, help: "CPU time outside the kernel."},
	"process_io_read_bytes_total":                   {kind: counter, help: "Bytes that were read by system calls."},
	"process_io_read_syscalls_total":                {kind: counter, help: "System calls that read."},
	"process_io_storage_read_bytes_total":           {kind: counter, help: "Bytes that were read from storage."},
	"process_io_storage_written_bytes_total":        {kind: counter, help: "Bytes that were written to storage."},
	"process_io_write_syscalls_total":               {kind: counter, help: "System calls that write."},
	"process_io_written_bytes_total":                {kind: counter, help: "Bytes that were written by system calls."},
	"process_major_pagefaults_total":                {kind: counter, help: "Page faults that needed storage."},
	"process_max_fds":                               {kind: gauge, help: "The limit of open files."},
	"process_minor_pagefaults_total":                {kind: counter, help: "Page faults that needed no storage."},
	"process_num_threads":                           {kind: gauge, help: "Threads."},
	"process_open_fds":                              {kind: gauge, help: "Open files."},
	"process_resident_memory_anon_bytes":            {kind: gauge, help: "Resident anonymous memory."},
	"process_resident_memory_bytes":                 {kind: gauge, help: "Resident memory."},
	"process_resident_memory_file_bytes":            {kind: gauge, help: "Resident memory of mapped files."},
	"process_resident_memory_peak_bytes":            {kind: gauge, help: "The most resident memory that there was."},
	"process_resident_memory_shared_bytes":          {kind: gauge, help: "Resident shared memory."},
	"process_start_time_seconds":                    {kind: gauge, help: "When the process began, in seconds since 1970."},
	"process_virtual_memory_bytes":                  {kind: gauge, help: "Virtual memory."},
	"process_virtual_memory_peak_bytes":             {kind: gauge, help: "The most virtual memory that there was."},
	"process_pressure_cpu_waiting_seconds_total":    {kind: counter, help: "Time in which some task waited for a CPU."},
	"process_pressure_cpu_stalled_seconds_total":    {kind: counter, help: "Time in which all tasks waited for a CPU."},
	"process_pressure_io_waiting_seconds_total":     {kind: counter, help: "Time in which some task waited for input and output."},
	"process_pressure_io_stalled_seconds_total":     {kind: counter, help: "Time in which all tasks waited for input and output."},
	"process_pressure_memory_waiting_seconds_total": {kind: counter, help: "Time in which some task waited for memory."},
	"process_pressure_memory_stalled_seconds_total": {kind: counter, help: "Time in which all tasks waited for memory."},
}
