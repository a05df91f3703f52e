;; Continuations that are left early.
(define (find-first good? list)
  (call/cc (lambda (return)
             (for-each (lambda (item) (if (good? item) (return item))) list)
             #f)))
(write (find-first even? '(1 3 6 7 8))) (newline)
(write (+ 1 (call/cc (lambda (k) (* 10 (k 41)))))) (newline)

;; Out of the middle of a walk over a tree.
(define (first-negative tree)
  (call/cc
   (lambda (return)
     (let walk ((node tree))
       (cond ((pair? node) (walk (car node)) (walk (cdr node)))
             ((and (number? node) (< node 0)) (return node))))
     'none)))
(write (map first-negative '((1 (2 -3) -4) (1 (2 3))))) (newline)

;; What dynamic-wind sees of an exit.
(define trace '())
(define (note! event) (set! trace (cons event trace)))
(call/cc (lambda (k)
           (dynamic-wind
            (lambda () (note! 'in))
            (lambda () (note! 'body) (k 'out) (note! 'never))
            (lambda () (note! 'out)))))
(write (reverse trace)) (newline)

;; Loops whose every round enters and leaves a continuation.
(define (count-even list)
  (let loop ((list list) (count 0))
    (if (null? list)
        count
        (loop (cdr list)
              (call/cc (lambda (next)
                         (if (odd? (car list)) (next count))
                         (+ count 1)))))))
(write (count-even '(1 2 3 4 6))) (newline)

(write (call-with-values (lambda () (values 1 2 3)) list)) (newline)
(write (guard (e ((symbol? e) (list 'caught e)) ((string? e) 'other)) (+ 1 (raise 'oops)))) (newline)

;; A continuation that is part of a cycle is collected like anything else.
(define (make-a-cycle)
  (let ((cell (list #f)))
    (call/cc (lambda (k) (set-car! cell k)))
    (on-death cell "a continuation in a cycle has died")
    cell))
(define kept (make-a-cycle))
(write (pair? kept)) (newline)
;; From here on it may die at any time.
(set! kept #f)
(gc)
