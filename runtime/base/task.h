// Task<T>: the coroutine type of the data path.
//
// Why not asio::awaitable: the engine must run under a fake clock without Asio, and an awaitable
// pays for executors, cancellation slots and exception plumbing at each call, which the data path
// does not use. A Task is one heap frame, recycled per thread, and two pointers.
//
// Rules (ARCHITECTURE.md, "Coroutines", says which compiler faults they avoid):
//  - parameters are references, scalars or string_views to things that outlive the task; never
//    aggregates by value, never a temporary aggregate inside the co_await expression;
//  - no co_await in the condition of `if` or `while`: g++ 12 lays the frame out wrongly and the
//    body never runs; name the value first;
//  - no exceptions cross a task: one that escapes ends the process;
//  - a task runs on the worker that started it and nowhere else.
#pragma once
#include <coroutine>
#include <cstdlib>
#include <exception>
#include <new>
#include <optional>
#include <utility>

#include "runtime/base/check.h"
#include "runtime/base/types.h"

namespace gw {

namespace detail {

/// Keeps freed coroutine frames per thread, by size in steps of 128 bytes up to 4 KiB. Turned off
/// under sanitizers, so that a stale access is seen.
class FramePool {
 public:
  static void* allocate(size_t bytes) {
#ifndef GW_SANITIZED
    const size_t bucket = (bytes + kStep - 1) / kStep;
    if (bucket < kBuckets) {
      Free*& head = lists().heads[bucket];
      if (head != nullptr) {
        Free* frame = head;
        head = frame->next;
        return frame;
      }
      return ::operator new(bucket* kStep);
    }
#endif
    return ::operator new(bytes);
  }
  static void release(void* memory, [[maybe_unused]] size_t bytes) noexcept {
#ifndef GW_SANITIZED
    const size_t bucket = (bytes + kStep - 1) / kStep;
    if (bucket < kBuckets) {
      auto* frame = static_cast<Free*>(memory);
      Free*& head = lists().heads[bucket];
      frame->next = head;
      head = frame;
      return;
    }
#endif
    ::operator delete(memory);
  }

 private:
  static constexpr size_t kStep = 128;
  static constexpr size_t kBuckets = 33;
  struct Free {
    Free* next;
  };
  struct Lists {
    Free* heads[kBuckets] = {};
    ~Lists() {
      for (Free* head : heads) {
        while (head != nullptr) {
          Free* next = head->next;
          ::operator delete(head);
          head = next;
        }
      }
    }
  };
  static Lists& lists() {
    thread_local Lists instance;
    return instance;
  }
};

struct TaskPromiseBase {
  std::coroutine_handle<> continuation;

  static void* operator new(size_t bytes) { return FramePool::allocate(bytes); }
  static void operator delete(void* memory, size_t bytes) { FramePool::release(memory, bytes); }

  std::suspend_always initial_suspend() noexcept { return {}; }
  struct FinalAwaiter {
    bool await_ready() noexcept { return false; }
    // A plain resume, not symmetric transfer: g++ 12 makes a real tail call of it only when it
    // optimises. Depth stays bounded, as a child that ends at once never gets here with a
    // continuation (see Task::await_suspend).
    template <class Promise>
    void await_suspend(std::coroutine_handle<Promise> self) noexcept {
      std::coroutine_handle<> next = self.promise().continuation;
      if (next) next.resume();
    }
    void await_resume() noexcept {}
  };
  FinalAwaiter final_suspend() noexcept { return {}; }
  void unhandled_exception() noexcept { std::terminate(); }
};

template <class T>
struct TaskPromise : TaskPromiseBase {
  std::optional<T> value;
  auto get_return_object() noexcept {
    return std::coroutine_handle<TaskPromise>::from_promise(*this);
  }
  template <class U>
  void return_value(U&& result) {
    value.emplace(std::forward<U>(result));
  }
  T take() { return std::move(*value); }
};

template <>
struct TaskPromise<void> : TaskPromiseBase {
  auto get_return_object() noexcept {
    return std::coroutine_handle<TaskPromise>::from_promise(*this);
  }
  void return_void() noexcept {}
  void take() {}
};

}  // namespace detail

/// A lazily started coroutine that is awaited exactly once, or started with start().
template <class T>
class [[nodiscard]] Task {
 public:
  using promise_type = detail::TaskPromise<T>;
  using Handle = std::coroutine_handle<promise_type>;

  Task() noexcept = default;
  Task(Handle handle) noexcept : handle_(handle) {}  // NOLINT(google-explicit-constructor)
  Task(Task&& other) noexcept : handle_(std::exchange(other.handle_, {})) {}
  Task& operator=(Task&& other) noexcept {
    if (this != &other) {
      destroy();
      handle_ = std::exchange(other.handle_, {});
    }
    return *this;
  }
  ~Task() { destroy(); }

  /// Runs to the first suspension or the end, without anybody awaiting. The owner keeps the Task
  /// alive until done(), and learns of the end by what the coroutine itself does.
  void start() { handle_.resume(); }
  bool valid() const { return static_cast<bool>(handle_); }
  bool done() const { return !handle_ || handle_.done(); }
  /// `co_await task.join()`: until a task that was started with start() is done. Once.
  struct Join {
    Handle handle;
    bool await_ready() const noexcept { return handle.done(); }
    void await_suspend(std::coroutine_handle<> parent) noexcept {
      handle.promise().continuation = parent;
    }
    void await_resume() const noexcept {}
  };
  Join join() { return Join{handle_}; }
  /// The value of a task that is done().
  T result() { return handle_.promise().take(); }

  bool await_ready() const noexcept { return false; }
  // Runs the child at once; when it ends without waiting, the parent is not suspended at all, so
  // that loops over ready children do not grow the stack.
  bool await_suspend(std::coroutine_handle<> parent) {
    handle_.resume();
    if (handle_.done()) return false;
    handle_.promise().continuation = parent;
    return true;
  }
  T await_resume() { return handle_.promise().take(); }

 private:
  void destroy() {
    if (handle_) handle_.destroy();
    handle_ = {};
  }
  Handle handle_;
};

}  // namespace gw
